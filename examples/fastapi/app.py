import os
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

HUB = os.environ.get("HUB_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("HUB_KEY", "")  # with the scope `introspect`

app = FastAPI()
keys = jwt.PyJWKClient(f"{HUB}/.well-known/jwks.json", timeout=5)
Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
refused = HTTPException(401, "invalid_token", {"WWW-Authenticate": "Bearer"})


def person(bearer: Bearer) -> dict:
    """The claims of an access token; 401 without a good one."""
    try:
        token = jwt.decode_complete(
            bearer.credentials,
            keys.get_signing_key_from_jwt(bearer.credentials),
            algorithms=["EdDSA"],
            issuer=HUB,
            audience=HUB,
            leeway=5,
            options={"require": ["iss", "aud", "exp", "sub", "role"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise HTTPException(503, "the hub's keys cannot be fetched")
    except jwt.PyJWTError:
        raise refused
    if token["header"].get("typ") != "at+jwt":
        raise refused
    return token["payload"]


Person = Annotated[dict, Depends(person)]


def has_role(*roles: str):
    """403 without one of these roles at the token's making."""

    def check(claims: Person) -> dict:
        if claims["role"] not in roles:
            raise HTTPException(403, "forbidden")
        return claims

    return Depends(check)


def holds(permission: str):
    """403 without this permission at this moment: the hub is asked."""

    def check(bearer: Bearer, _: Person) -> dict:
        try:
            answer = httpx.post(
                f"{HUB}/api/auth/introspect",
                data={"token": bearer.credentials},
                headers={"Authorization": f"Bearer {KEY}"},
            ).raise_for_status()
        except httpx.HTTPError:
            raise HTTPException(503, "the hub cannot be asked")
        now = answer.json()
        if not now["active"]:
            raise refused
        if permission not in now["permissions"]:
            raise HTTPException(403, "forbidden")
        return now

    return Depends(check)


@app.get("/orders")
def list_orders(claims: Person):
    return {"user": claims["sub"]}


@app.post("/orders")
def add_order(claims: Annotated[dict, has_role("editor", "admin")]):
    return {"role": claims["role"]}


@app.delete("/orders")
def delete_orders(now: Annotated[dict, holds("orders:write")]):
    return {"permissions": now["permissions"]}
