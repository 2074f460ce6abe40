from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tests.unit.template.outside_judged import (
    FOREIGN,
    HERE,
    INFRASTRUCTURE,
    PREPROD,
    ROOT_OF,
    RUNTIME,
    STATEMENT,
    allowing,
    assuming,
    called,
    judged,
    role,
    stored,
    template,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.services import Service
from tiercel.domain.template.outside import account_of, outside_references
from tiercel.domain.template.outside_rules import require_allowed, require_allowed_as_configured

TRUSTING = PREPROD.model_copy(update={"trusts": (FOREIGN, "o-abcdefghij")})
OPEN = PREPROD.model_copy(update={"trusts": ("*",)})


ROLES: list[tuple[Any, str | None]] = [
    ({"Service": "lambda.amazonaws.com"}, None),
    ({"AWS": RUNTIME}, None),
    ({"AWS": ROOT_OF.format(INFRASTRUCTURE)}, None),
    ({"AWS": {"Ref": "AWS::AccountId"}}, None),
    ({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x"}}, None),
    ({"AWS": {"Fn::GetAtt": ["Own", "Arn"]}}, None),
    ({"AWS": {"Fn::Join": ["", [{"Ref": "Own"}, "/*"]]}}, None),
    ({"Federated": "cognito-identity.amazonaws.com"}, None),
    ({"Federated": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:oidc-provider/x"}}, None),
    ({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}, None),
    ({"AWS": FOREIGN}, "template.foreign_trust"),
    ({"AWS": int(FOREIGN)}, "template.foreign_trust"),
    ({"AWS": [RUNTIME, ROOT_OF.format(FOREIGN)]}, "template.foreign_trust"),
    ({"AWS": {"Fn::If": ["C", RUNTIME, FOREIGN]}}, "template.foreign_trust"),
    ({"Fn::If": ["C", {"AWS": RUNTIME}, {"AWS": FOREIGN}]}, "template.foreign_trust"),
    ({"Federated": f"arn:aws:iam::{FOREIGN}:saml-provider/x"}, "template.foreign_trust"),
    ({"CanonicalUser": "ab" * 32}, "template.foreign_trust"),
    ("*", "template.foreign_trust"),
    ({"AWS": "*"}, "template.foreign_trust"),
    ({"AWS": {"Fn::ImportValue": "theirs"}}, "template.unknown_trust"),
    ({"AWS": "AROAEXAMPLEID"}, "template.unknown_trust"),
    ({"AWS": "{{resolve:ssm:/partner}}"}, "template.unknown_trust"),
]


@pytest.mark.parametrize(("principal", "code"), ROLES, ids=lambda one: str(one)[:60])
def test_a_role_may_trust_the_environments_own_accounts(principal: Any, code: str | None) -> None:
    assert judged(role(principal)) == code


@pytest.mark.parametrize("principal", [one for one, _ in ROLES], ids=lambda one: str(one)[:60])
def test_where_everybody_is_trusted_nobody_is_foreign_or_unknown(principal: Any) -> None:
    assert judged(role(principal), OPEN) is None


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"StringEquals": {"aws:PrincipalAccount": RUNTIME}}, None),
        ({"ArnLike": {"AWS:SourceArn": {"Fn::GetAtt": ["Own", "Arn"]}}}, None),
        ({"StringEquals": {"kms:CallerAccount": {"Ref": "AWS::AccountId"}}}, None),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, "template.foreign_trust"),
        ({"StringEquals": {"aws:PrincipalAccount": FOREIGN}}, "template.foreign_trust"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::a-bucket"}}, "template.foreign_trust"),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": RUNTIME}}, "template.foreign_trust"),
        ({"StringNotEquals": {"aws:PrincipalAccount": RUNTIME}}, "template.foreign_trust"),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, "template.foreign_trust"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_a_condition_says_who_is_meant_by_everybody(condition: Any, code: str | None) -> None:
    assert judged(role("*", Condition=condition)) == code


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (f"arn:aws:sns:${{AWS::Region}}:{FOREIGN}:x", "template.foreign_trust"),
        (f"arn:aws:sns:eu-central-1:{FOREIGN}:x", "template.foreign_trust"),
        ("arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:x", None),
        ("arn:aws:s3:::a-bucket", None),
    ],
)
def test_a_service_that_acts_for_a_foreign_account_is_foreign(
    source: str, code: str | None
) -> None:
    condition = {"ArnLike": {"aws:SourceArn": {"Fn::Sub": source}}}
    assert judged(role({"Service": "sns.amazonaws.com"}, Condition=condition)) == code


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (stored(ROOT_OF.format(FOREIGN)), "template.foreign_trust"),
        (stored({"Fn::If": ["C", RUNTIME, FOREIGN]}), "template.foreign_trust"),
        (stored({"Ref": "AWS::AccountId"}), None),
        (stored({"Fn::GetAtt": ["Own", "Arn"]}), None),
        (stored({"Fn::GetAtt": ["P", "Value"]}), "template.unknown_trust"),
        (stored({"Fn::ImportValue": "theirs"}), "template.unknown_trust"),
        ({"Type": "AWS::SSM::Parameter"}, "template.unknown_trust"),
        ({"Type": "Custom::Partner"}, "template.unknown_trust"),
        ({"Type": "AWS::CloudFormation::WaitCondition"}, "template.unknown_trust"),
        ({"Type": "AWS::Serverless::Application"}, "template.unknown_trust"),
    ],
    ids=lambda one: str(one)[:70],
)
@pytest.mark.parametrize("read", [{"Fn::GetAtt": "P.Value"}, {"Fn::Sub": "${P.Value}"}])
def test_an_attribute_that_is_free_text_is_judged_as_that_text(
    resource: dict[str, Any], code: str | None, read: dict[str, Any]
) -> None:
    described = role({"AWS": read})
    described["Resources"]["P"] = resource
    assert judged(described) == code


def test_texts_that_are_stored_for_each_other_without_end_are_unknown() -> None:
    chain = {f"P{n}": stored({"Fn::GetAtt": [f"P{n + 1}", "Value"]}) for n in range(500)}
    described = role({"AWS": {"Fn::GetAtt": ["P0", "Value"]}})
    described["Resources"] |= chain | {"P500": stored(RUNTIME)}
    assert judged(described) == "template.unknown_trust"
    given = {"TemplateURL": "child.yaml", "Parameters": {"Whom": {"Fn::GetAtt": "S.Outputs.Whom"}}}
    outer = role({"AWS": {"Fn::GetAtt": "S.Outputs.Whom"}})
    outer["Resources"]["S"] = {"Type": "AWS::CloudFormation::Stack", "Properties": given}
    child = {
        "Parameters": {"Whom": {"Type": "String"}},
        "Resources": {},
        "Outputs": {"Whom": {"Value": {"Ref": "Whom"}}},
    }
    (found,) = outside_references(HERE, {HERE: outer, "orders/child.yaml": child})
    assert found.text == "${?}"
    back = {"S": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x.yaml"}}}
    child = {"Resources": back, "Outputs": {"Whom": {"Value": {"Fn::GetAtt": "S.Outputs.Whom"}}}}
    outer["Outputs"] = child["Outputs"]
    circle = {"orders/x.yaml": outer, "orders/child.yaml": child}
    assert [one.text for one in outside_references("orders/x.yaml", circle)] == ["${?}"]


def test_texts_that_are_stored_deep_in_conditions_are_unknown() -> None:
    described = role({"AWS": {"Fn::GetAtt": ["P0", "Value"]}})
    for n in range(12):
        value: Any = {"Fn::GetAtt": [f"P{n + 1}", "Value"]}
        for _ in range(25):
            value = {"Fn::If": ["C", value, RUNTIME]}
        described["Resources"][f"P{n}"] = stored(value)
    described["Resources"]["P12"] = stored(RUNTIME)
    assert judged(described) == "template.unknown_trust"


TEXT = json.dumps(allowing({"AWS": ROOT_OF.format(FOREIGN)}))


FOREIGN_ONES = [
    template("AWS::S3::BucketPolicy", {"PolicyDocument": allowing({"AWS": FOREIGN})}),
    template("AWS::SQS::QueuePolicy", {"PolicyDocument": allowing("*")}),
    template("AWS::SNS::TopicPolicy", {"PolicyDocument": allowing({"AWS": FOREIGN})}),
    template("AWS::KMS::Key", {"KeyPolicy": allowing({"AWS": ROOT_OF.format(FOREIGN)})}),
    template("AWS::KMS::Key", {"KeyPolicy": {"Statement": STATEMENT}}),
    template("AWS::ECR::Repository", {"RepositoryPolicyText": allowing({"AWS": FOREIGN})}),
    template("AWS::Logs::ResourcePolicy", {"PolicyDocument": TEXT}),
    template("AWS::Logs::Destination", {"DestinationPolicy": {"Fn::Sub": TEXT}}),
    template("AWS::SecretsManager::ResourcePolicy", {"ResourcePolicy": allowing({"AWS": FOREIGN})}),
    template(
        "AWS::S3::BucketPolicy",
        {"PolicyDocument": {"Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": RUNTIME}}]}},
    ),
    template("AWS::S3::Bucket", {"AccessControl": "PublicRead"}),
    template("AWS::Lambda::Permission", {"Principal": FOREIGN}),
    template("AWS::Lambda::Permission", {"Principal": "*"}),
    template("AWS::Lambda::Permission", {"Principal": "*", "PrincipalOrgID": "o-zzzzzzzzzz"}),
    template(
        "AWS::Lambda::Permission", {"Principal": "s3.amazonaws.com", "SourceAccount": FOREIGN}
    ),
    template(
        "AWS::Lambda::Permission",
        {"Principal": "sns.amazonaws.com", "SourceArn": f"arn:aws:sns:eu-west-1:{FOREIGN}:t"},
    ),
    template("AWS::Lambda::LayerVersionPermission", {"Principal": "*"}),
    template("AWS::Events::EventBusPolicy", {"Principal": FOREIGN}),
    template("AWS::Events::EventBusPolicy", {"Statement": STATEMENT}),
    template("AWS::RAM::ResourceShare", {"Principals": [FOREIGN]}),
    template(
        "AWS::EC2::VPCEndpointServicePermissions",
        {"AllowedPrincipals": [f"arn:aws:iam::{FOREIGN}:root"]},
    ),
    template(
        "AWS::Serverless::Api", {"Auth": {"ResourcePolicy": {"AwsAccountWhitelist": [FOREIGN]}}}
    ),
    template("AWS::Serverless::Function", {"AssumeRolePolicyDocument": allowing({"AWS": FOREIGN})}),
]


@pytest.mark.parametrize(
    "described", FOREIGN_ONES, ids=lambda one: str(one["Resources"]["Thing"])[:90]
)
def test_every_kind_of_policy_and_permission_is_looked_through(described: dict[str, Any]) -> None:
    assert judged(described) == "template.foreign_trust"


LISTING = {"Auth": {"ResourcePolicy": {"AwsAccountWhitelist": [FOREIGN]}}}
OWN_STATEMENT = STATEMENT | {"Principal": {"AWS": RUNTIME}}


@pytest.mark.parametrize(
    ("kind", "shared", "properties", "code"),
    [
        ("Function", assuming([STATEMENT]), {}, "template.foreign_trust"),
        ("Function", assuming([STATEMENT]), assuming([OWN_STATEMENT]), "template.foreign_trust"),
        ("Function", assuming(STATEMENT | {"Effect": "Deny"}), {}, None),
        (
            "Function",
            assuming(STATEMENT | {"Effect": "Deny"}),
            assuming({"Effect": "Allow"}),
            "template.foreign_trust",
        ),
        ("Function", assuming(STATEMENT), assuming({"Principal": {"AWS": RUNTIME}}), None),
        ("Function", assuming([STATEMENT]), {"AssumeRolePolicyDocument": {"Fn::If": ["C"]}}, None),
        ("Function", assuming([OWN_STATEMENT]), {}, None),
        ("Api", LISTING, {}, "template.foreign_trust"),
        ("Function", {"Timeout": 3}, {}, None),
    ],
    ids=lambda one: str(one)[:60],
)
def test_what_a_resource_has_from_globals_is_judged_with_its_own(
    kind: str, shared: dict[str, Any], properties: dict[str, Any], code: str | None
) -> None:
    described = template(f"AWS::Serverless::{kind}", properties, Globals={kind: shared})
    assert judged(described) == code
    if kind == "Function":
        described["Resources"]["Thing"]["IgnoreGlobals"] = "*"
        assert judged(described) is None


def test_the_api_that_sam_makes_by_itself_has_what_globals_say() -> None:
    event = {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}}
    described = template(
        "AWS::Serverless::Function", {"Events": {"Get": event}}, Globals={"Api": LISTING}
    )
    (found,) = outside_references(HERE, {HERE: described})
    assert (found.logical_id, found.name, found.text) == ("Globals.Api", "Auth", FOREIGN)


@pytest.mark.parametrize(
    ("acl", "values", "code"),
    [
        ("Private", {}, None),
        ({"Fn::If": ["C", "BucketOwnerRead", {"Ref": "AWS::NoValue"}]}, {}, None),
        ({"Fn::If": ["C", "Private", "PublicRead"]}, {}, "template.foreign_trust"),
        ({"Fn::FindInMap": ["M", {"Ref": "Acl"}, "acl"]}, {}, "template.foreign_trust"),
        ({"Ref": "Acl"}, {}, None),
        ({"Ref": "Acl"}, {"Acl": "LogDeliveryWrite"}, None),
        ({"Ref": "Acl"}, {"Acl": "AuthenticatedRead"}, "template.foreign_trust"),
        ({"Fn::Sub": "${Acl}"}, {"Acl": "PublicReadWrite"}, "template.foreign_trust"),
        ({"Fn::ImportValue": "theirs"}, {}, "template.unknown_trust"),
    ],
    ids=str,
)
def test_every_list_that_a_bucket_may_get_is_judged(
    acl: Any, values: dict[str, str], code: str | None
) -> None:
    described = template(
        "AWS::S3::Bucket",
        {"AccessControl": acl},
        Parameters={"Acl": {"Type": "String", "Default": "Private"}},
        Mappings={"M": {"a": {"acl": "Private"}, "b": {"acl": "PublicRead"}}},
    )
    assert judged(described, PREPROD, **values) == code
    assert judged(described, OPEN, **values) is None


@pytest.mark.parametrize(
    "described",
    [
        template("AWS::S3::BucketPolicy", {"PolicyDocument": allowing("*", Effect="Deny")}),
        template("AWS::EC2::VPCEndpoint", {"PolicyDocument": allowing("*")}),
        template("AWS::Lambda::Permission", {"Principal": "apigateway.amazonaws.com"}),
        template("AWS::Lambda::Permission", {"Principal": "*", "FunctionUrlAuthType": "NONE"}),
        template(
            "AWS::Lambda::Permission",
            {"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::any-bucket"},
        ),
        template(
            "AWS::Events::EventBusPolicy",
            {"Principal": "*", "Condition": {"Key": "aws:PrincipalOrgID", "Value": "o-abcdefghij"}},
        ),
        template(
            "AWS::Lambda::LayerVersionPermission",
            {"Principal": "*", "OrganizationId": "o-abcdefghij"},
        ),
        template("AWS::SNS::Topic", {"DisplayName": 'about "Principal"'}),
    ],
    ids=lambda one: str(one["Resources"]["Thing"])[:90],
)
def test_what_lets_in_nobody_foreign_is_allowed(described: dict[str, Any]) -> None:
    assert judged(described, TRUSTING) is None


def test_the_workers_file_may_allow_an_account_an_organization_and_everybody() -> None:
    assert judged(role({"AWS": FOREIGN}), TRUSTING) is None
    assert (
        judged(
            role("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}), TRUSTING
        )
        is None
    )
    assert judged(role("*"), TRUSTING) == "template.foreign_trust"
    assert judged(role("*"), OPEN) is None


def test_what_a_parameter_decides_is_judged_by_its_value() -> None:
    parameters = {"Partner": {"Type": "String", "Default": RUNTIME}}
    described = role({"AWS": {"Fn::Sub": "arn:aws:iam::${Partner}:root"}}) | {
        "Parameters": parameters
    }
    listed = role({"AWS": {"Ref": "Partner"}}) | {"Parameters": parameters}
    assert judged(described) is None
    assert judged(described, Partner=FOREIGN) == "template.foreign_trust"
    assert judged(listed, Partner=f"{RUNTIME}, {FOREIGN}") == "template.foreign_trust"
    found = outside_references(HERE, {HERE: described})
    require_allowed(found, PREPROD, None)
    assert [one.defaults for one in found] == [{"Partner": RUNTIME}]


def test_the_same_template_trusts_preprods_account_in_preprod_alone() -> None:
    found = outside_references(HERE, {HERE: role({"AWS": RUNTIME})})
    prod = PREPROD.model_copy(update={"name": "prod", "runtime_account": "4" * 12})
    require_allowed(found, PREPROD, {})
    with pytest.raises(RefusedInputError, check=because("template.foreign_trust")) as refused:
        require_allowed(found, prod, {})
    assert "Thing.AssumeRolePolicyDocument" in refused.value.why


def test_nested_templates_are_looked_through_with_what_they_are_given() -> None:
    nested = role({"AWS": {"Ref": "Whom"}}) | {"Parameters": {"Whom": {"Type": "String"}}}
    outer = template(
        "AWS::CloudFormation::Stack",
        {"TemplateURL": "child.yaml", "Parameters": {"Whom": FOREIGN}},
    )
    (found,) = outside_references(HERE, {HERE: outer, "orders/child.yaml": nested})
    assert (found.template, found.text) == ("orders/child.yaml", FOREIGN)


def test_nested_templates_that_multiply_are_looked_through_once_or_refused() -> None:
    def nesting(file: str, **given: Any) -> dict[str, Any]:
        properties = {"TemplateURL": file, "Parameters": given}
        stack = {"Type": "AWS::CloudFormation::Stack", "Properties": properties}
        return {"Resources": {f"S{n}": stack for n in range(20)}}

    alike = {f"orders/{n}.yaml": nesting(f"{n + 1}.yaml") for n in range(5)}
    leaf = {"orders/5.yaml": role({"AWS": FOREIGN})}
    assert len(outside_references("orders/0.yaml", alike | leaf)) == 1
    child = {"Parameters": {"N": {"Type": "String"}}, "Resources": {}}
    many = {f"S{n}": nesting("c.yaml", N=str(n))["Resources"]["S0"] for n in range(300)}
    with pytest.raises(RefusedInputError, check=because("template.too_many_nested")):
        outside_references(HERE, {HERE: {"Resources": many}, "orders/c.yaml": child})


def test_outputs_that_multiply_end_as_unknown() -> None:
    def level(n: int) -> dict[str, Any]:
        stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"{n + 1}.y"}}
        parts = [{"Fn::GetAtt": [f"S{m}", "Outputs.O"]} for m in range(30)]
        stacks = {f"S{m}": stack for m in range(30)}
        return {"Resources": stacks, "Outputs": {"O": {"Value": {"Fn::Join": ["", parts]}}}}

    templates = {f"{n}.y": level(n) for n in range(5)}
    whole = level(0) | role({"AWS": {"Fn::GetAtt": ["S0", "Outputs.O"]}})
    whole["Resources"] |= level(0)["Resources"]
    (found,) = outside_references("0.y", templates | {"0.y": whole})
    assert "${?}" in found.text


ARN_BY_PARTS = {"Fn::Sub": "arn:${AWS::Partition}:iam::999999999999:root"}


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (called("orders-data"), None),
        (called({"Fn::Sub": "${Stage}-data"}), None),
        (called(RUNTIME), None),
        (called(FOREIGN), "template.foreign_trust"),
        (called(int(FOREIGN)), "template.foreign_trust"),
        (called("o-zzzzzzzzzz"), "template.foreign_trust"),
        (called({"Ref": "Partner"}), "template.foreign_trust"),
        (called({"Fn::Sub": "${Partner}"}), "template.foreign_trust"),
        (called({"Ref": "Thing"}), None),
        (called({"Ref": "P"}), "template.unknown_trust"),
        (called(FOREIGN, "AWS::SSM::Parameter", "Name"), "template.foreign_trust"),
        (called(FOREIGN, "AWS::RDS::DBInstance", "DBInstanceIdentifier"), "template.foreign_trust"),
        (called(FOREIGN, "AWS::SNS::Topic", "TopicName"), None),
        (called(FOREIGN, "AWS::Cognito::UserPoolUser", "Username"), "template.foreign_trust"),
        (called(ARN_BY_PARTS, "AWS::CloudWatch::Alarm", "AlarmName"), "template.foreign_trust"),
        (
            called({"Name": FOREIGN}, "AWS::Glue::Database", "DatabaseInput"),
            "template.foreign_trust",
        ),
        (
            called("o-zzzzzzzzzz", "AWS::ElastiCache::ReplicationGroup", "ReplicationGroupId"),
            "template.foreign_trust",
        ),
        (called({"Ref": "Idp"}, "AWS::IAM::SAMLProvider", "Name"), None),
        ({"Type": "Custom::Partner"}, "template.unknown_trust"),
        ({"Type": "Acme::Other::Thing"}, "template.unknown_trust"),
    ],
    ids=lambda one: str(one)[:70],
)
@pytest.mark.parametrize("whole", [{"Ref": "P"}, {"Fn::Sub": "${P}"}])
def test_a_resource_that_is_called_like_an_account_is_not_the_stacks_own(
    resource: dict[str, Any], code: str | None, whole: dict[str, Any]
) -> None:
    described = role({"AWS": whole}) | {"Parameters": {"Partner": {"Default": FOREIGN}}}
    described["Resources"]["P"] = resource
    assert judged(described) == code


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        ("${Own}/*", None),
        ("${Own.Arn}:live", None),
        ("${Own}${Own}", "template.unknown_trust"),
        ("${Own}9999", "template.unknown_trust"),
        ("arn:aws:iam::${Own}:root", "template.unknown_trust"),
        ("arn:aws:iam::9999${Own}:root", "template.unknown_trust"),
        ("${P}:aws:iam::999999999999:root", "template.foreign_trust"),
        ("${T}", None),
        ("${T.TopicArn}", None),
        ("${T.TopicName}", "template.foreign_trust"),
        ("${C.Outputs.Whom}", "template.unknown_trust"),
    ],
)
def test_a_part_of_an_account_is_not_the_stacks_own(principal: str, code: str | None) -> None:
    described = role({"AWS": {"Fn::Sub": principal}})
    product = {"Type": "AWS::ServiceCatalog::CloudFormationProvisionedProduct"}
    described["Resources"] |= {
        "P": called("arn", "AWS::IAM::User", "UserName"),
        "T": called(FOREIGN, "AWS::SNS::Topic", "TopicName"),
        "C": product,
    }
    assert judged(described) == code


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("arn:aws:iam::123456789012:root", "123456789012"),
        ("arn:aws:iam::${AWS::AccountId}:root", "${AWS::AccountId}"),
        ("arn:${AWS::Partition}:sns:${AWS::Region}:${Partner}:topic", "${Partner}"),
        ("arn:aws:s3:::bucket", "*"),
        ("123456789012", "123456789012"),
    ],
)
def test_an_arn_names_an_account_in_its_fifth_field(text: str, account: str) -> None:
    assert account_of(text) == account


policies = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6) | st.just("*") | st.just(FOREIGN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Statement",
                    "Principal",
                    "NotPrincipal",
                    "Effect",
                    "Condition",
                    "AWS",
                    "Fn::Sub",
                    "Layers",
                    "PolicyDocument",
                    "StringEquals",
                    "aws:SourceAccount",
                    "Ref",
                    "Fn::If",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["AWS::IAM::Role", "AWS::Lambda::Permission", "AWS::Lambda::Function"]),
    policies,
)
def test_whatever_a_template_says_is_judged(kind: str, properties: Any) -> None:
    assert judged(template(kind, properties)) in (
        None, "template.foreign_trust", "template.unknown_trust", "template.foreign_layer",
    )  # fmt: skip


@given(st.sampled_from([FOREIGN, ROOT_OF.format(FOREIGN), "*"]), st.integers(0, 4))
def test_a_foreign_principal_is_found_however_deeply_conditions_hide_it(
    principal: str, depth: int
) -> None:
    value: Any = principal
    for _ in range(depth):
        value = {"Fn::If": ["C", RUNTIME, value]}
    assert judged(role({"AWS": value})) == "template.foreign_trust"


@pytest.mark.parametrize(
    ("keys", "default", "refused"),
    [
        ({"parameters": {"Partner": RUNTIME}}, None, ""),
        ({"parameters": {"Partner": FOREIGN}}, None, "preprod"),
        ({"environments": {"preprod": {"parameters": {"Partner": FOREIGN}}}}, RUNTIME, "preprod"),
        ({"environments": {"prod": {"parameters": {"Partner": FOREIGN}}}}, RUNTIME, "prod"),
        ({}, FOREIGN, "preprod"),
        ({}, None, ""),
        ({"depends_on": ["storage"]}, FOREIGN, ""),
        ({"depends_on": ["storage"], "parameters": {"Partner": FOREIGN}}, RUNTIME, "preprod"),
    ],
)
def test_a_foreign_principal_in_a_parameter_is_found_before_any_deploy(
    keys: dict[str, Any], default: str | None, refused: str
) -> None:
    declared = {"Partner": {"Type": "String"} | ({"Default": default} if default else {})}
    described = role({"AWS": {"Ref": "Partner"}}) | {"Parameters": declared}
    found = outside_references(HERE, {HERE: described})
    service = Service.model_validate({"name": "orders", "path": "orders"} | keys)
    environments = (PREPROD, PREPROD.model_copy(update={"name": "prod"}))
    if not refused:
        require_allowed_as_configured(found, service, environments)
        return
    with pytest.raises(RefusedInputError, match=f"none of {refused}'s") as foreign:
        require_allowed_as_configured(found, service, environments)
    assert foreign.value.code == "template.foreign_trust"
