// npm fhirclient as a server-side app: prints where the browser goes, reads where it came back, prints whom it read.
import { createRequire } from "node:module";
import { createInterface } from "node:readline/promises";

const FHIR = createRequire(import.meta.url)("fhirclient");
const [iss, clientId, redirectUri, scope] = process.argv.slice(2);
const kept = new Map();
const storage = {
  get: async (key) => kept.get(key),
  set: async (key, value) => (kept.set(key, value), value),
  unset: async (key) => kept.delete(key),
};
const at = (url) => ({ url, headers: { host: new URL(redirectUri).host }, socket: {} });
const nowhere = { writeHead() {}, end() {} };
let to = "";
const leaving = { writeHead: (_status, headers) => (to = headers.location ?? headers.Location), end() {} };

await FHIR(at("/launch"), leaving, storage).authorize({ iss, clientId, redirectUri, scope, pkceMode: "required" });
console.log(to);
const back = new URL(await createInterface({ input: process.stdin }).question(""));
const client = await FHIR(at(back.pathname + back.search), nowhere, storage).ready();
const patient = await client.patient.read();
const found = await client.request("Observation?code=1");
const { fhirUser } = client.getIdToken();
console.log(JSON.stringify({ patient: patient.id, total: found.total, fhirUser }));
process.exit(0);
