"""Corrections of the emulator, applied once when its process starts.

Each function of this package replaces one thing of ministack by what AWS does, says which
behaviour that is and where AWS documents it, and has a contract test in tests/sandbox: those
about stacks, APIs and projects in test_corrections_*.py, those about who may what in
test_accounts.py and test_enforcement_*.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tiercel.sandbox.aws.corrections.permissions import (
    boundaries,
    identity,
    implied,
    refusals,
    sessions,
    unevaluated,
    variables,
    web_identity,
)
from tiercel.sandbox.aws.corrections.services import (
    aliases,
    buckets,
    builds,
    documents,
    dry_runs,
    functions,
    http_apis,
    inline_code,
    keys,
    metrics,
    projects,
    providers,
    rest_apis,
)
from tiercel.sandbox.aws.corrections.stacks import (
    change_sets,
    custom_resources,
    early_validation,
    gaps,
    nested_change_sets,
    nested_stacks,
    records,
    references,
    service_role,
    stack_events,
    traffic,
)

CORRECTIONS: tuple[Callable[[], None], ...] = (
    unevaluated.refuse_requests_that_name_no_action,
    unevaluated.let_unknown_operators_deny,
    unevaluated.deny_all_but_those_named,
    variables.fill_in_variables,
    identity.check_the_signatures_of_roots,
    identity.name_roles_not_sessions,
    identity.judge_the_caller_not_its_account,
    identity.tell_whose_bucket_it_is,
    identity.let_everybody_mean_everybody,
    identity.give_functions_secret_credentials,
    refusals.tell_boundaries_from_session_policies,
    refusals.tell_which_policy_decided,
    refusals.name_what_was_refused,
    implied.tell_role_and_key,
    implied.demand_implied_permissions,
    boundaries.tell_the_boundary_of_a_role,
    boundaries.keep_the_boundary_of_template_roles,
    sessions.keep_source_identities,
    sessions.answer_for_sessions,
    web_identity.tell_whose_token_it_was,
    keys.authorize_the_key_behind_an_alias,
    keys.serve_keys_to_other_accounts,
    http_apis.import_http_apis,
    rest_apis.import_any_method,
    rest_apis.import_integration_responses,
    rest_apis.read_rest_apis_from_s3,
    change_sets.authorize_the_stack_of_a_change_set,
    change_sets.keep_the_stack_under_review,
    change_sets.free_the_names_of_executed_change_sets,
    change_sets.execute_what_changes_outputs_alone,
    documents.find_templates_by_virtual_host,
    functions.demand_code,
    inline_code.let_inline_code_answer,
    dry_runs.only_try_what_is_a_dry_run,
    aliases.split_the_traffic_of_aliases,
    metrics.let_alarms_see_their_own_metric,
    metrics.measure_every_invocation,
    buckets.keep_buckets_that_are_not_empty,
    projects.keep_all_of_a_project,
    projects.find_projects_by_arn,
    builds.run_builds,
    builds.authorize_the_project_of_a_build,
    providers.authorize_the_provider_that_is_named,
    service_role.remember_the_caller,
    service_role.keep_the_service_role_of_a_stack,
    service_role.act_as_the_service_role,
    service_role.keep_own_tags_from_keys,
    nested_stacks.transform_nested_templates,
    nested_stacks.tell_which_nested_stack_failed,
    stack_events.give_operations_their_ids,
    stack_events.answer_describe_events,
    nested_change_sets.plan_nested_stacks,
    early_validation.validate_when_a_change_set_is_made,
    custom_resources.wait_for_answers_with_a_limit,
    references.read_references_as_the_service_role,
    references.resolve_references_in_nested_stacks,
    traffic.serve_codedeploy,
    traffic.make_codedeploy_resources,
    traffic.shift_the_traffic_of_aliases,
    records.keep_records_of_types_that_are_missing,
    gaps.say_which_types_are_missing,
    gaps.say_what_trips_the_emulator,
)


def apply(token_keys: Path | None = None) -> None:
    """Correct the emulator that is imported in this process.

    `token_keys` has the public keys of the sandbox's issuer of GitHub tokens; without it no
    token is taken.
    """
    for correction in CORRECTIONS:
        correction()
    web_identity.verify_tokens(token_keys)
