"""Sections and attributes that are there and hold nothing."""

from __future__ import annotations

from tiercel.domain.base.values import TemplateDocument


def without_nothing(template: TemplateDocument) -> TemplateDocument:
    """Return a template without its empty sections and its resources' empty attributes.

    YAML makes null of `Parameters:` with nothing below, and CloudFormation takes null nowhere.
    """
    kept = {name: value for name, value in template.items() if value is not None}
    resources = kept.get("Resources")
    if isinstance(resources, dict):
        kept["Resources"] = {
            name: {key: value for key, value in one.items() if value is not None}
            if isinstance(one, dict)
            else one
            for name, one in resources.items()
        }
    return kept
