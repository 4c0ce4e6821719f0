// Verifies access tokens as a backend in JavaScript does: jose, with the keys that the hub publishes.
//
// Reads {"jwks_uri", "issuer", "tokens"} from standard input; prints a list with, for each token, its
// claims, or null where it is refused.

import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const order = JSON.parse(readFileSync(0, 'utf8'))
const keys = createRemoteJWKSet(new URL(order.jwks_uri))
const rules = {
  algorithms: ['EdDSA'],
  typ: 'at+jwt',
  issuer: order.issuer,
  audience: order.issuer,
  requiredClaims: ['exp', 'sub'],
}
const answers = []
for (const token of order.tokens) {
  try {
    answers.push((await jwtVerify(token, keys, rules)).payload)
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    console.error(`${error.code}: ${error.message}`)
    answers.push(null)
  }
}
console.log(JSON.stringify(answers))
