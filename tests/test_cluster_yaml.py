"""cluster.yaml keeps to every rule, and a copy that is broken is found out by the rule that it breaks."""

import json
import re
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray.autoscaler._private.aws.config import (
    _configure_iam_role,
    _configure_security_group,
    _create_default_inbound_rules,
)
from ray.autoscaler._private.util import prepare_config

from raythumbs.settings import Settings, load_settings
from tests import cluster_rules as rules

HOUSE = Path(__file__).parent.parent
TEXT = (HOUSE / "cluster.yaml").read_text()
MANUAL = HOUSE / "raythumbs" / "manual"
ON_AWS = (MANUAL / "aws.md").read_text()
ON_OWN_MACHINES = (MANUAL / "own-machines.md").read_text()
ON_CLUSTERS = [ON_AWS, ON_OWN_MACHINES, (MANUAL / "kubernetes.md").read_text()]
WHOLE_MANUAL = "".join(path.read_text() for path in [HOUSE / "README.md", *sorted(MANUAL.glob("*.md"))])

# What each call of S3 takes (docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
RIGHTS = {
    "get_object": {"s3:GetObject"}, "head_object": {"s3:GetObject"}, "put_object": {"s3:PutObject"},
    "upload": {"s3:PutObject", "s3:AbortMultipartUpload"}, "delete_object": {"s3:DeleteObject"},
    "head_bucket": {"s3:ListBucket"}, "list_objects_v2": {"s3:ListBucket"},
}  # fmt: skip

BROKEN = [
    (rules.ray_takes_it, "max_workers: 5 #", "max_worker: 5 #"),
    (rules.ray_takes_it, "head_node_type: head", "head_node_type: heads"),
    (rules.ray_takes_it, "thumb_slot: 8 }", "thumb_slot: 7.5 }"),
    (rules.ray_takes_it, "market: on-demand", "ray.io/market: on-demand"),
    (rules.ray_reads_every_key_of_the_provider, "use_internal_ips: false", "use_internal_ip: false"),
    (rules.aws_takes_its_nodes, "ImageId:", "ImageID:"),
    (rules.aws_takes_its_nodes, "VolumeSize: 30", "VolumeSize: thirty"),
    (rules.aws_takes_its_nodes, "m7i.large", "m7y.large"),
    (rules.a_shell_reads_every_command, "set +a && RAY", "set +a && && RAY"),
    (rules.no_command_is_left_to_rays_defaults, "head_setup_commands: []", ""),
    (rules.versions_are_pinned, "'ray[serve]==2.60.0'", "'ray[serve]'"),
    (rules.versions_are_pinned, "==2.60.0", "==2.59.0"),
    (rules.versions_are_pinned, f"raythumbs-{version('raythumbs')}", "raythumbs-0.0.9"),
    (rules.versions_are_pinned, "-c ~/constraints.txt ", ""),
    (rules.versions_are_pinned, '  "~/constraints.txt": dist/constraints.txt', ""),
    (rules.a_new_machine_is_let_finish_first, "cloud-init status --wait", "cloud-init status"),
    (rules.a_new_machine_is_let_finish_first, "update -qq && break", "update -qq"),
    (rules.a_new_machine_is_let_finish_first, "-o DPkg::Lock::Timeout=300 ", ""),
    (rules.a_new_machine_is_let_finish_first, "DEBIAN_FRONTEND=noninteractive ", ""),
    (rules.nobody_comes_in_who_is_not_named, "SecurityGroupIds:", "SubnetIds:"),
    (rules.nobody_comes_in_who_is_not_named, "  type: aws", "  type: aws\n  security_group: { GroupName: raythumbs }"),
    (rules.the_dashboard_is_on_loopback, "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0"),
    (rules.the_dashboard_is_on_loopback, "--dashboard-host=127.0.0.1", ""),
    (rules.every_node_asks_for_the_token, "RAY_AUTH_MODE=token ray start", "ray start"),
    (rules.every_node_asks_for_the_token, '  "~/.ray/auth_token": ~/.ray/auth_token\n', ""),
    (rules.secrets_lie_in_files_of_ones_own, "--address auto", "--address auto --database postgresql://me:secret@db/x"),
    (rules.secrets_lie_in_files_of_ones_own, "RAY_AUTH_MODE=token ray", "RAY_AUTH_TOKEN=0123456789abcdef ray"),
    (rules.secrets_lie_in_files_of_ones_own, "  - chmod 600 ~/.ray/auth_token ~/raythumbs.env\n", ""),
    (rules.secrets_lie_in_files_of_ones_own, " && rm -f ~/raythumbs.env", ""),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "c7a.2xlarge", "c7a.4xlarge"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "thumb_slot: 8", "thumb_slot: 16"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "CPU: 0,", "CPU: 2,"),
    (rules.only_the_head_and_the_base_are_on_demand, "MarketType: spot", "MarketType: capacity-block"),
    (rules.only_the_head_and_the_base_are_on_demand, "market: on-demand", "market: spot"),
    (rules.only_the_head_and_the_base_are_on_demand, "min_workers: 1", "min_workers: 0"),
    (rules.only_the_head_and_the_base_are_on_demand, "min_workers: 0", "min_workers: 1"),
    (rules.nodes_get_their_rights_from_a_profile, "IamInstanceProfile: { Name: raythumbs-head }", "EbsOptimized: true"),
    (rules.stopped_nodes_do_not_cost, "cache_stopped_nodes: false", "cache_stopped_nodes: true"),
    (rules.ray_starts_as_the_service_wants_it, 'wanted=$(raythumbs env) && eval "$wanted" &&', ""),
    (rules.ray_starts_as_the_service_wants_it, '&& eval "$wanted" &&', "; eval $wanted;"),
    (rules.the_service_is_deployed_last, "raythumbs up --address auto", "true"),
    (rules.what_is_to_be_changed_is_told, "# CHANGE: as the head's", "# CHANGE"),
    (rules.what_is_to_be_changed_is_told, "# CHANGE: the region", "# the region"),
]


@pytest.mark.parametrize("rule", rules.RULES)
def test_cluster_yaml_keeps_to(rule):
    assert list(rule(yaml.safe_load(TEXT), TEXT)) == []


@pytest.mark.parametrize(("rule", "right", "wrong"), BROKEN)
def test_a_broken_copy_is_found_out(rule, right, wrong):
    assert right in TEXT
    broken = TEXT.replace(right, wrong, 1)

    assert list(rule(yaml.safe_load(broken), broken))


def test_each_rule_has_a_copy_that_it_finds_out():
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)


def test_ray_makes_no_security_group_and_no_role_because_ours_are_named():
    config = prepare_config(yaml.safe_load(TEXT))

    assert _configure_security_group(config) is config  # both would ask AWS otherwise
    assert _configure_iam_role(config) is config


def test_a_security_group_of_rays_lets_the_world_try_ssh():
    opened = _create_default_inbound_rules(["sg-1"], [{"FromPort": 8000, "ToPort": 8000, "IpProtocol": "tcp"}])

    assert {"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]} in opened


def test_the_settings_that_the_manual_has_for_a_cluster_are_settings(monkeypatch):
    file = heredoc("~/raythumbs.env)")
    for word in shlex.split(file):
        monkeypatch.setenv(*word.split("=", 1))

    settings = load_settings()

    assert (settings.host, settings.store_uri) == ("0.0.0.0", "s3://YOUR-BUCKET/")
    assert settings.shown_database.startswith("postgresql+psycopg://raythumbs:***@")
    assert settings.max_slots == rules.slots_in_all(yaml.safe_load(TEXT))
    settings.refuse_strangers(settings.host)
    assert set(re.findall(r"(?m)^RAYTHUMBS_\w+", file)) <= set(map(variable, Settings.model_fields))


def variable(field: str) -> str:
    return f"RAYTHUMBS_{field.upper()}"


def test_the_settings_for_your_own_machines_let_the_service_start_with_keys(monkeypatch):
    (file,) = re.findall(r"```sh\n(RAYTHUMBS_DATABASE=.*?)```", ON_OWN_MACHINES, re.DOTALL)
    for word in shlex.split(file):
        monkeypatch.setenv(*word.split("=", 1))

    settings = load_settings()

    assert [key.name for key in settings.known_keys] == ["app"]
    settings.refuse_strangers(settings.host)


def heredoc(file: str) -> str:
    """Return what a command on the manual's page about AWS writes into the file."""
    (text,) = re.findall(rf"cat > {re.escape(file)} <<'END'\n(.*?)END\n", ON_AWS, re.DOTALL)
    return str(text)


def statements(file: str) -> list[dict[str, Any]]:
    policy = json.loads(heredoc(file))
    assert policy["Version"] == "2012-10-17"
    return list(policy["Statement"])


def test_the_rights_on_the_bucket_are_those_that_the_store_needs():
    source = (HOUSE / "raythumbs" / "storage" / "s3.py").read_text()
    calls = set(re.findall(r"self\.client\.(?!meta|get_paginator|generate_presigned_url)(\w+)", source))
    calls |= set(re.findall(r"self\._transfers\.(\w+)", source))
    calls |= set(re.findall(r"(?:get_paginator|generate_presigned_url)\(\s*\"(\w+)\"", source))

    of_objects, of_the_bucket = statements("bucket.json")

    assert {*of_objects["Action"], *of_the_bucket["Action"]} == set().union(*(RIGHTS[call] for call in calls))
    assert of_the_bucket["Action"] == ["s3:ListBucket"]
    assert of_objects["Resource"] == of_the_bucket["Resource"] + "/*"


def test_the_manual_names_the_rights_on_the_bucket_with_a_reason_for_each():
    (section,) = re.findall(r"(?ms)^## Rights on the bucket\n(.*?)^## ", ON_AWS)

    assert set(re.findall(r"`(s3:\w+)`", section)) == set().union(*RIGHTS.values())
    assert set(re.findall(r"(?m)^\| `(s3:\w+)` \| \w.{10,} \|$", section)) == set().union(*RIGHTS.values())


def test_the_head_ends_the_nodes_of_its_cluster_alone_and_hands_on_the_workers_role_alone():
    config = yaml.safe_load(TEXT)
    tagged = {"StringEquals": {"aws:ResourceTag/ray-cluster-name": config["cluster_name"]}}
    worker = config["available_node_types"]["base"]["node_config"]["IamInstanceProfile"]["Name"]

    allowed = statements("nodes.json")

    (ending,) = [one for one in allowed if "ec2:TerminateInstances" in one["Action"]]
    (handing_on,) = [one for one in allowed if "iam:PassRole" in one["Action"]]
    assert ending["Condition"] == tagged
    assert handing_on["Resource"].endswith(f":role/{worker}")
    assert not [one for one in allowed if "*" in "".join(one["Action"])]


def test_the_manual_opens_no_port_to_everybody():
    opened = re.findall(r"authorize-security-group-ingress (.*)", WHOLE_MANUAL)

    assert opened
    assert [line for line in opened if any(address in line for address in rules.EVERYBODY)] == []


def test_changed_settings_are_deployed_as_at_the_start():
    (on_aws,) = deployed(ON_AWS)
    (on_own_machines,) = deployed(ON_OWN_MACHINES)

    assert on_aws == yaml.safe_load(TEXT)["head_start_ray_commands"][-1]
    assert on_own_machines == own_machines()[0]["head_start_ray_commands"][-1]


def deployed(page: str) -> list[str]:
    """Return the commands that deploy changed settings, as a page of the manual has them."""
    return re.findall(r"ray exec cluster\.yaml '(set -a .*?)'", page)


@pytest.mark.parametrize("page", ON_CLUSTERS)
def test_the_manual_makes_a_token_in_one_way_which_keeps_an_existing_one(page):
    (made,) = re.findall(r"(?m)^.*get-auth-token --generate >.*$", page)

    assert made.replace(".venv/bin/", "") == (
        "(umask 077 && ray get-auth-token --generate > /dev/null)    # ~/.ray/auth_token; one that is there stays"
    )


def test_the_manual_never_overwrites_a_token():
    assert "> ~/.ray/auth_token" not in WHOLE_MANUAL


def own_machines() -> tuple[rules.Config, str]:
    """Return the cluster.yaml for your own machines: as data, and as the manual shows it."""
    (text,) = re.findall(r"```yaml\n(cluster_name:.*?)```", ON_OWN_MACHINES, re.DOTALL)
    return yaml.safe_load(text), text


@pytest.mark.parametrize(
    "rule", [rules.ray_takes_it, rules.a_shell_reads_every_command, rules.the_dashboard_is_on_loopback]
)
def test_the_file_for_your_own_machines_keeps_to(rule):
    assert list(rule(*own_machines())) == []


def test_the_file_for_your_own_machines_has_the_versions_of_this_checkout():
    commands = " ".join(own_machines()[0]["setup_commands"])

    assert re.findall(r"raythumbs(?:\[postgres\]==|-)([\d.]+\d)", commands) == [version("raythumbs")] * 2
    assert re.findall(r"ray\[serve\]==([\d.]+)", commands) == [ray.__version__]


def test_on_your_own_machines_secrets_are_private_before_anything_reads_them():
    config, _ = own_machines()
    commands = config["setup_commands"]

    (private,) = [command for command in commands if command.startswith("chmod 600 ")]
    secret = {*rules.SECRET_FILES, "~/.aws/credentials"}

    assert set(private.split()[2:]) == secret <= config["file_mounts"].keys()
    assert not [command for command in commands if ". ~/raythumbs.env" in command]  # only what starts Ray comes after
    assert re.search(r"(?m)^chmod 600 raythumbs\.env credentials$", ON_OWN_MACHINES)


def test_on_your_own_machines_no_secret_is_in_the_environment_of_ray():
    config, _ = own_machines()
    starts = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]

    assert [command for command in starts if "raythumbs.env" in command and "ray start" in command] == []
    assert config["worker_start_ray_commands"][0].startswith("rm -f ~/raythumbs.env")
