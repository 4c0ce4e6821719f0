// Authorization codes: each is good for one exchange, by whoever has the verifier of its challenge (RFC 7636).

import { createHash, randomBytes } from 'node:crypto'

export const random = (bytes = 16) => randomBytes(bytes).toString('hex')

export class Codes {
  #grants = new Map()

  /** A code for what was asked for at the authorization endpoint. */
  issue(grant, code = random()) {
    this.#grants.set(code, grant)
    return code
  }

  /** What `code` was issued for, once. */
  redeem(code) {
    const grant = this.#grants.get(code)
    this.#grants.delete(code)
    return grant
  }
}

/** Whether `verifier` is the one of the challenge; without a challenge there must be none. */
export function isProved({ code_challenge, code_challenge_method }, verifier) {
  if (!code_challenge) return verifier === undefined
  if (code_challenge_method !== 'S256' || typeof verifier !== 'string') return false
  return createHash('sha256').update(verifier).digest('base64url') === code_challenge
}
