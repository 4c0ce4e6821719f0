import jwt
from django.conf import settings
from django.contrib.auth import get_user_model
from rest_framework import authentication, exceptions, permissions

HUB = settings.PORTCULLIS_URL
keys = jwt.PyJWKClient(f"{HUB}/.well-known/jwks.json", timeout=5)


class HubIsAway(exceptions.APIException):
    status_code = 503
    default_detail = "the hub's keys cannot be fetched"


class Portcullis(authentication.BaseAuthentication):
    """`request.user` is of this site, made when it is first seen; `request.auth` are the token's claims."""

    def authenticate(self, request):
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            token = jwt.decode_complete(
                text,
                keys.get_signing_key_from_jwt(text),
                algorithms=["EdDSA"],
                issuer=HUB,
                audience=HUB,
                leeway=5,
                options={"require": ["iss", "aud", "exp", "sub", "role"]},
            )
        except jwt.PyJWKClientConnectionError:
            raise HubIsAway
        except jwt.PyJWTError:
            raise exceptions.AuthenticationFailed("invalid_token")
        if token["header"].get("typ") != "at+jwt":
            raise exceptions.AuthenticationFailed("invalid_token")
        claims = token["payload"]
        user, _ = get_user_model().objects.get_or_create(username=claims["sub"])
        if not user.is_active:
            raise exceptions.AuthenticationFailed("this site has locked the user out")
        return user, claims

    def authenticate_header(self, request):
        return "Bearer"  # without this, Django REST framework answers 403 where 401 is meant


def has_role(*roles):
    """One of these roles at the token's making."""

    class HasRole(permissions.IsAuthenticated):
        def has_permission(self, request, view):
            return super().has_permission(request, view) and request.auth["role"] in roles

    return HasRole
