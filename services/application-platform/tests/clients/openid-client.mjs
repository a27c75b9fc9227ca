// npm openid-client lets a person in: prints where the browser goes, reads where it came back, prints what it believes.
import * as client from "openid-client";
import { createInterface } from "node:readline/promises";

const [issuer, clientId, redirectUri, scope, aud] = process.argv.slice(2);
const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  execute: [client.allowInsecureRequests],
});
const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
const to = client.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope,
  aud,
  state,
  nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
console.log(to.href);
const back = await createInterface({ input: process.stdin }).question("");
const tokens = await client.authorizationCodeGrant(config, new URL(back), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
});
const again = await client.refreshTokenGrant(config, tokens.refresh_token);
await client.tokenRevocation(config, again.refresh_token);
const reused = await client.refreshTokenGrant(config, again.refresh_token).catch((error) => error.error);
console.log(JSON.stringify({ claims: tokens.claims(), scope: tokens.scope, again: again.scope, reused }));
process.exit(0);
