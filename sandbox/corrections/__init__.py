"""Corrections of the emulator, applied once when its process starts.

Each function of this package replaces one thing of ministack by what AWS does, says which
behaviour that is and where AWS documents it, and has a contract test in tests/sandbox: those
of identity, implied and keys in test_accounts.py, all others in test_corrections_*.py.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.corrections import (
    buckets,
    change_sets,
    documents,
    functions,
    http_apis,
    identity,
    implied,
    keys,
    projects,
    providers,
    rest_apis,
)

CORRECTIONS: tuple[Callable[[], None], ...] = (
    identity.check_the_signatures_of_roots,
    identity.name_roles_not_sessions,
    identity.judge_the_caller_not_its_account,
    identity.tell_whose_bucket_it_is,
    identity.let_everybody_mean_everybody,
    identity.give_functions_secret_credentials,
    implied.tell_role_and_key,
    implied.demand_implied_permissions,
    implied.name_the_permission_that_is_missing,
    keys.authorize_the_key_behind_an_alias,
    keys.serve_keys_to_other_accounts,
    http_apis.import_http_apis,
    rest_apis.import_any_method,
    rest_apis.import_integration_responses,
    rest_apis.read_rest_apis_from_s3,
    change_sets.authorize_the_stack_of_a_change_set,
    change_sets.keep_the_stack_under_review,
    change_sets.free_the_names_of_executed_change_sets,
    documents.find_templates_by_virtual_host,
    functions.demand_code,
    buckets.keep_buckets_that_are_not_empty,
    projects.keep_all_of_a_project,
    projects.find_projects_by_arn,
    providers.authorize_the_provider_that_is_named,
)


def apply() -> None:
    """Correct the emulator that is imported in this process."""
    for correction in CORRECTIONS:
        correction()
