"""Who is there from the start."""

from __future__ import annotations

import json
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tiercel.sandbox.github.http.entrance import Secrets
from tiercel.sandbox.github.memory.records import App, Permission, Permissions, User
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.rules.auth import new_token
from tiercel.sandbox.machine.record import write_text

APP_SLUG = "tiercel"
# Nobody may approve their own work, so there is more than one person.
PEOPLE: dict[str, Permission] = {
    "author": "write",
    "reviewer": "write",
    "releaser": "admin",
    "bot": "write",
}
APP_PERMISSIONS: Permissions = {
    **dict.fromkeys(("checks", "contents", "deployments"), "write"),
    **dict.fromkeys(("pull_requests", "statuses"), "write"),
    **dict.fromkeys(("actions", "metadata"), "read"),
}
"""What docs/use/configuration.md tells a team to give its App, and no more."""
_KEY_BITS = 2048


def seed(world: World, files: Secrets) -> None:
    """Create the people, their tokens and the App, once in the life of a state folder."""
    if world.store.all(App):
        return
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    with world.change():
        users = {login: new_user(world, login, role) for login, role in PEOPLE.items()}
        tokens = {login: new_token(world, user) for login, user in users.items()}
        app = _new_app(world, private_key)
        write_text(files.tokens, json.dumps(tokens, indent=2))
        key = private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        ids = {"app_id": app.id, "installation_id": app.installation}
        write_text(files.app, json.dumps(ids | {"private_key": key.decode()}, indent=2))
        write_text(files.control, secrets.token_urlsafe(30))


def new_user(world: World, login: str, role: Permission | None, name: str = "") -> User:
    """Create a person with a role in every repository; None is no access at all."""
    identifier = world.store.next_id()
    return world.store.put(
        User(
            id=identifier,
            login=login,
            name=name or login.capitalize(),
            email=f"{identifier}+{login}@users.noreply.github.com",
            type="User",
            role=role,
            created_at=world.now(),
        )
    )


def _new_app(world: World, private_key: rsa.RSAPrivateKey) -> App:
    identifier = world.store.next_id()
    login = f"{APP_SLUG}[bot]"
    bot = User(
        id=identifier,
        login=login,
        name=login,
        email=f"{identifier}+{login}@users.noreply.github.com",
        type="Bot",
        role="write",
        created_at=world.now(),
    )
    world.store.put(bot)
    public_key = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return world.store.put(
        App(
            id=world.store.next_id(),
            slug=APP_SLUG,
            name=APP_SLUG.capitalize(),
            public_key=public_key.decode(),
            bot=bot.id,
            installation=world.store.next_id(),
            permissions=APP_PERMISSIONS,
            created_at=world.now(),
        )
    )
