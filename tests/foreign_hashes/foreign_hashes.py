"""foreign_hashes.py

Prints hashes of passwords as other software makes them, one JSON object on each line: {"form", "password", "hash"}.
They are made by that software itself: Django, bcrypt, scrypt, argon2-cffi, passlib. tests/it/import_hashes.rs
imports them.
"""

import base64
import json

import argon2
import bcrypt
import django
import scrypt
from django.conf import settings
from django.contrib.auth import hashers
from passlib.hash import scrypt as passlib_scrypt

settings.configure()
django.setup()

WEAK = "password1"  # that the policy would refuse
ODD = "  ключ, pässwörd 密码 \t'\"$ "
LONG = "plinth gravel otter quench " * 4  # 108 bytes: more than bcrypt looks at
SALT = "NaClNaClNaClNaCl"


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def plain_scrypt(password):
    digest = scrypt.hash(password.encode(), SALT.encode(), N=1024, r=8, p=1, buflen=32)
    return f"$scrypt$ln=10,r=8,p=1${b64(SALT.encode())}${b64(digest)}"


def plain_bcrypt(prefix):
    return lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=prefix)).decode()


def plain_argon2(kind):
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=2, type=kind)
    return hasher.hash


def cheap_bcrypt_sha256(password):
    return hashers.BCryptSHA256PasswordHasher().encode(password, bcrypt.gensalt(4))


# What takes a password of any length, and what does not.
any_length = {
    "django pbkdf2_sha256": lambda p: hashers.PBKDF2PasswordHasher().encode(p, SALT, 2000),
    "django bcrypt_sha256": cheap_bcrypt_sha256,
    "django scrypt": lambda p: hashers.ScryptPasswordHasher().encode(p, SALT, n=1024),
    "scrypt": plain_scrypt,
    "passlib scrypt": passlib_scrypt.using(rounds=10).hash,
    "argon2id": plain_argon2(argon2.Type.ID),
    "argon2i": plain_argon2(argon2.Type.I),
    "argon2d": plain_argon2(argon2.Type.D),
}
short = {
    "bcrypt 2b": plain_bcrypt(b"2b"),
    "bcrypt 2a": plain_bcrypt(b"2a"),
    # As PHP writes it; the bytes are those of 2b.
    "bcrypt 2y": lambda p: plain_bcrypt(b"2b")(p).replace("$2b$", "$2y$"),
    "django bcrypt": lambda p: hashers.BCryptPasswordHasher().encode(p, bcrypt.gensalt(4)),
}
# As Django itself makes them, at its own costs.
defaults = {
    f"django's default {name}": lambda p, name=name: hashers.make_password(p, hasher=name)
    for name in ["pbkdf2_sha256", "argon2", "bcrypt_sha256", "scrypt"]
}
settings.PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]

for forms, passwords in [(any_length, [WEAK, ODD, LONG]), (short, [WEAK, ODD]), (defaults, [WEAK])]:
    for form, make in forms.items():
        for password in passwords:
            print(json.dumps({"form": form, "password": password, "hash": make(password)}))
