"""Where templates name files by their place, and how each property wants the place in a bucket.

The table holds what `aws cloudformation package` and `sam package` rewrite:
https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html,
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-cli-command-reference-sam-package.html
Metadata of `AWS::ServerlessRepo::Application` is not among it: only `sam publish` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from tiercel.domain.base.values import TemplateDocument

ASSET_BUCKET_PARAMETER = "TiercelAssetBucket"
"""The template parameter that names the bucket from which the stack's account reads."""
ANY_KEY = "*"
"""In the path of a property: whatever is there under the team's own names."""


class AssetKind(StrEnum):
    """What a local path is, and with it what has to be done before CloudFormation can read it."""

    CODE = "code"
    LAYER = "layer"
    BUNDLE = "bundle"
    FILE = "file"
    TEMPLATE = "template"


class LocationForm(StrEnum):
    """How a property names an object."""

    BUCKET_AND_KEY = "{Bucket, Key}"
    S3_BUCKET_AND_KEY = "{S3Bucket, S3Key}"
    S3_ADDRESS = "s3://bucket/key"
    HTTPS_ADDRESS = "https://bucket.s3.region.amazonaws.com/key"
    TEXT = "the text of a file"
    """It takes no function, so that `expansion.schemas` has put the text into the template."""


class Location(NamedTuple):
    """A property that names a file or folder.

    What lies in no repository is refused, unless it `may_lie_elsewhere`: then the environment
    says what it allows.
    """

    property: tuple[str, ...]
    kind: AssetKind
    form: LocationForm
    may_lie_elsewhere: bool = False

    def of_object(self, key: str) -> Any:
        """Return how the property names an object of the asset bucket."""
        bucket = {"Ref": ASSET_BUCKET_PARAMETER}
        named = f"${{{ASSET_BUCKET_PARAMETER}}}"
        forms = {
            LocationForm.BUCKET_AND_KEY: {"Bucket": bucket, "Key": key},
            LocationForm.S3_BUCKET_AND_KEY: {"S3Bucket": bucket, "S3Key": key},
            LocationForm.S3_ADDRESS: {"Fn::Sub": f"s3://{named}/{key}"},
            LocationForm.HTTPS_ADDRESS: {
                "Fn::Sub": f"https://{named}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{key}"
            },
        }
        return forms[self.form]


class NamedPlace(NamedTuple):
    """A value that names a file, and the keys that lead to it below a resource's properties."""

    location: Location
    keys: tuple[str, ...]
    value: Any

    @property
    def property(self) -> str:
        """The keys as errors and the manifest name them."""
        return ".".join(self.keys)


_CODE, _LAYER, _BUNDLE, _FILE, _TEMPLATE = AssetKind
_PAIR, _S3_PAIR, _S3, _HTTPS, _TEXT = LocationForm


def _judged(kind: AssetKind, form: LocationForm, *paths: str) -> tuple[Location, ...]:
    return tuple(
        Location(tuple(path.split(".")), kind, form, may_lie_elsewhere=True) for path in paths
    )


def _ours(kind: AssetKind, form: LocationForm, path: str) -> tuple[Location, ...]:
    return (Location((path,), kind, form),)


_RESOLVED = (
    "RequestMappingTemplateS3Location",
    "ResponseMappingTemplateS3Location",
    "CodeS3Location",
)
LOCATIONS: dict[str, tuple[Location, ...]] = {
    "AWS::ApiGateway::RestApi": _ours(_FILE, _PAIR, "BodyS3Location"),
    "AWS::ApiGatewayV2::Api": _ours(_FILE, _PAIR, "BodyS3Location"),
    "AWS::AppSync::FunctionConfiguration": _judged(_FILE, _S3, *_RESOLVED),
    "AWS::AppSync::GraphQLSchema": _judged(_FILE, _S3, "DefinitionS3Location"),
    "AWS::AppSync::Resolver": _judged(_FILE, _S3, *_RESOLVED),
    "AWS::CloudFormation::ModuleVersion": _judged(_BUNDLE, _S3, "ModulePackage"),
    "AWS::CloudFormation::ResourceVersion": _judged(_BUNDLE, _S3, "SchemaHandlerPackage"),
    "AWS::CloudFormation::Stack": _ours(_TEMPLATE, _HTTPS, "TemplateURL"),
    "AWS::CloudFormation::StackSet": _judged(_FILE, _HTTPS, "TemplateURL"),
    "AWS::CodeCommit::Repository": _judged(_BUNDLE, _PAIR, "Code.S3"),
    "AWS::ElasticBeanstalk::ApplicationVersion": _judged(_BUNDLE, _S3_PAIR, "SourceBundle"),
    "AWS::Glue::Job": _judged(_FILE, _S3, "Command.ScriptLocation"),
    "AWS::Lambda::Function": _ours(_CODE, _S3_PAIR, "Code"),
    "AWS::Lambda::LayerVersion": _ours(_LAYER, _S3_PAIR, "Content"),
    "AWS::Serverless::Api": _ours(_FILE, _PAIR, "DefinitionUri"),
    "AWS::Serverless::Application": _ours(_TEMPLATE, _HTTPS, "Location"),
    "AWS::Serverless::Function": _ours(_CODE, _PAIR, "CodeUri"),
    "AWS::Serverless::GraphQLApi": (
        *_judged(_FILE, _TEXT, "SchemaUri"),
        *_judged(_FILE, _S3, "Functions.*.CodeUri", "Resolvers.*.*.CodeUri"),
    ),
    "AWS::Serverless::HttpApi": _ours(_FILE, _PAIR, "DefinitionUri"),
    "AWS::Serverless::LayerVersion": _ours(_LAYER, _PAIR, "ContentUri"),
    "AWS::Serverless::StateMachine": _ours(_FILE, _PAIR, "DefinitionUri"),
    "AWS::Serverless::WebFunction": _ours(_CODE, _PAIR, "CodeUri"),
    "AWS::StepFunctions::StateMachine": _ours(_FILE, _PAIR, "DefinitionS3Location"),
}


def places(resource_type: str, properties: TemplateDocument) -> Iterator[NamedPlace]:
    """Yield every value of a resource that may name a file, None where it names nothing."""
    for location in LOCATIONS.get(resource_type, ()):
        for keys, value in _values(location.property, properties):
            yield NamedPlace(location, keys, value)


def places_elsewhere(resource_type: str) -> tuple[tuple[str, str], ...]:
    """Return the properties that may name what lies elsewhere.

    Each with the key below it under which the place stands, empty if it is the property itself.
    """
    found = (one.property for one in LOCATIONS.get(resource_type, ()) if one.may_lie_elsewhere)
    return tuple((path[0], path[-1] if path[1:] else "") for path in found)


def _values(path: tuple[str, ...], node: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not path:
        yield (), node
        return
    if not isinstance(node, dict):
        return
    names = [str(name) for name in node] if path[0] == ANY_KEY else [path[0]]
    for name in names:
        for keys, value in _values(path[1:], node.get(name)):
            yield (name, *keys), value


def replaced(properties: Any, keys: tuple[str, ...], value: Any) -> TemplateDocument:
    """Return properties with another value below some keys; what is shared stays as it is."""
    known = properties if isinstance(properties, dict) else {}
    below = replaced(known.get(keys[0]), keys[1:], value) if keys[1:] else value
    return {**known, keys[0]: below}
