// npm fhir-kit-client asks three addresses at once where tokens come from and takes the first answer; it reads with a token.
import { Client } from "fhir-kit-client";

const [base, token] = process.argv.slice(2);
const client = new Client({ baseUrl: base, bearerToken: token });
const told = await client.smartAuthMetadata();
const found = await client.search({ resourceType: "Observation", searchParams: { code: "1" } });
console.log(JSON.stringify({ authorize: String(told.authorizeUrl), token: String(told.tokenUrl), total: found.total }));
process.exit(0);
