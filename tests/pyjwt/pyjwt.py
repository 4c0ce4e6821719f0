"""Verifies access tokens as a backend in Python does: PyJWT, with the keys that the hub publishes.

Reads {"jwks_uri", "issuer", "tokens"} from standard input; prints a list with, for each token, its claims,
or null where it is refused.
"""

import json
import sys

import jwt

order = json.load(sys.stdin)
keys = jwt.PyJWKClient(order["jwks_uri"])
answers = []
for token in order["tokens"]:
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token).key,
            algorithms=["EdDSA"],
            issuer=order["issuer"],
            audience=order["issuer"],
            options={"require": ["iss", "aud", "exp", "sub"]},
        )
    except jwt.PyJWTError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        claims = None
    answers.append(claims)
json.dump(answers, sys.stdout)
