"""Users and the App, as GitHub shows them."""

from __future__ import annotations

from tiercel.sandbox.github.memory.records import App, User
from tiercel.sandbox.github.memory.urls import quoted
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp


def simple_user(world: World, user: User | int) -> JsonObject:
    """Return a user as other things mention it."""
    if isinstance(user, int):
        user = world.user(user)
    api, page = world.urls.user(user.login), f"{world.urls.server}/{quoted(user.login)}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("User", user.id),
        "avatar_url": f"{world.urls.server}/avatars/u/{user.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": page,
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": user.type,
        "site_admin": False,
        "user_view_type": "public",
    }


def full_user(world: World, user: User) -> JsonObject:
    """Return a user as its own address shows it."""
    return simple_user(world, user) | {
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": user.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": timestamp(user.created_at),
        "updated_at": timestamp(user.created_at),
    }


def association(user: User) -> str:
    """Return what a user is to every repository."""
    return "COLLABORATOR" if user.role else "NONE"


def app_view(world: World, record: App) -> JsonObject:
    """Return the GitHub App."""
    return {
        "id": record.id,
        "slug": record.slug,
        "node_id": node_id("App", record.id),
        "client_id": f"Iv1.{record.id:016x}",
        "owner": simple_user(world, record.bot),
        "name": record.name,
        "description": None,
        "external_url": world.urls.server,
        "html_url": f"{world.urls.server}/apps/{record.slug}",
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.created_at),
        "permissions": record.permissions,
        "events": [],
    }


def installation(world: World, record: App, account: User) -> JsonObject:
    """Return the App's one installation, which reaches every repository."""
    address = f"{world.urls.api}/app/installations/{record.installation}"
    return {
        "id": record.installation,
        "account": simple_user(world, account),
        "repository_selection": "all",
        "access_tokens_url": f"{address}/access_tokens",
        "repositories_url": f"{world.urls.api}/installation/repositories",
        "html_url": f"{world.urls.server}/settings/installations/{record.installation}",
        "app_id": record.id,
        "app_slug": record.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": record.permissions,
        "events": [],
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.created_at),
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }
