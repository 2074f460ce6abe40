"""The closed list of what may become of a template; whatever is not in it is open work."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What an outcome says of the product."""

    GOES = "goes through"
    GAP = "verified; the sandbox lacks a resource type"
    WORD = "refused: the environment's owner has to allow it"
    TEMPLATE = "refused: the repository has to be corrected"
    OF_AWS = "refused: CloudFormation itself takes no such template"
    BUILD = "refused: a build is missing or failed"
    NOT_TAKEN = "refused: what Tiercel does not release"
    UNREADABLE = "not measured: the clone lacks files, parameters values, or the account a macro"
    OPEN = "open: not in the closed list"


KINDS: dict[str, tuple[Verdict, str]] = {
    "created": (Verdict.GOES, "the stack reached CREATE_COMPLETE"),
    "recorded": (Verdict.GOES, "CREATE_COMPLETE; of some types the sandbox keeps only a record"),
    "planned": (Verdict.GOES, "its change set was made; the sandbox could not create all of it"),
    "verified": (Verdict.GOES, "verification has nothing against it (no stack was asked for)"),
    "sandbox.gap": (Verdict.GAP, "CloudFormation of the sandbox does not know a type"),
    "stack.sandbox_cannot": (Verdict.GAP, "the sandbox says that it cannot do it"),
    "source.not_fetched": (Verdict.UNREADABLE, "a large file is not in the clone"),
    "macro.not_there": (Verdict.UNREADABLE, "a macro changes it that the account does not have"),
    "values.not_found": (Verdict.UNREADABLE, "no values were found that its rules allow"),
    # Not in the list: `stack.forbidden`, what only CloudFormation refuses while it creates.
    "template.service_not_listed": (Verdict.NOT_TAKEN, "a service that no fragment has"),
    "template.name_without_prefix": (Verdict.TEMPLATE, "a role with a name of its own"),
    "template.role_without_boundary": (Verdict.TEMPLATE, "a role that SAM makes without boundary"),
    "parameters.secret": (Verdict.TEMPLATE, "a secret that no reference can stand for"),
    "package.machine_unknown": (Verdict.TEMPLATE, "several machines, or one that is not known"),
    "package.handler_missing": (Verdict.BUILD, "a handler's file that nobody makes"),
    "package.empty": (Verdict.BUILD, "a folder with nothing in it"),
    "template.container_image": (Verdict.NOT_TAKEN, "a container image; planned"),
    "template.remote_definition": (Verdict.NOT_TAKEN, "a definition that lies in a bucket"),
    "template.foreign_layer": (Verdict.WORD, "a layer of another account"),
    "template.foreign_trust": (Verdict.WORD, "trust in another account or everybody"),
    "template.remote_reference": (Verdict.WORD, "CloudFormation would read another place"),
    "template.unknown_trust": (Verdict.WORD, "trust in somebody who is known at the deploy"),
    "template.image_by_tag": (Verdict.TEMPLATE, "an image that is not named by its digest"),
    "template.bad_name": (Verdict.TEMPLATE, "a logical id that CloudFormation does not take"),
    "template.lint_errors": (Verdict.TEMPLATE, "cfn-lint finds errors"),
    "lint.null_value": (Verdict.OF_AWS, "null, which CloudFormation has nowhere in a template"),
    "lint.not_yet_written_out": (Verdict.OF_AWS, "what another tool, Rain, replaces first"),
    "lint.runtime_ended": (Verdict.TEMPLATE, "a runtime of which Lambda makes no functions now"),
    "configuration.policy_too_long": (Verdict.NOT_TAKEN, "more services than a boundary holds"),
    "template.no_resources": (Verdict.TEMPLATE, "no resources"),
    "template.not_parsed": (Verdict.TEMPLATE, "neither YAML nor JSON"),
    "template.not_a_mapping": (Verdict.TEMPLATE, "a section that is no mapping"),
    "template.path_leads_out": (Verdict.TEMPLATE, "a path out of the repository"),
    "template.path_not_in_source": (Verdict.TEMPLATE, "a path that the repository does not have"),
    "sam.not_translated": (Verdict.TEMPLATE, "SAM's translator refuses it"),
    "build.compiler_needed": (Verdict.BUILD, "no builder for it"),
    "build.command_failed": (Verdict.BUILD, "a build failed"),
    "template.remote_code": (Verdict.NOT_TAKEN, "code that lies in a bucket"),
    "template.remote_include": (Verdict.NOT_TAKEN, "a part of a template that lies in a bucket"),
    "template.remote_template": (Verdict.NOT_TAKEN, "a nested template that lies elsewhere"),
}


def verdict_of(kind: str) -> Verdict:
    """Return what an outcome of a kind says."""
    return KINDS[kind][0] if kind in KINDS else Verdict.OPEN
