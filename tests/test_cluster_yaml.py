"""cluster.yaml keeps to every rule, and a copy that is broken is found out by the rule that it breaks."""

import re
import shlex
from pathlib import Path

import pytest
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

BROKEN = [
    (rules.ray_takes_it, "max_workers: 4 #", "max_worker: 4 #"),
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
    (rules.versions_are_pinned, "raythumbs-0.1.0", "raythumbs-0.0.9"),
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
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "c7i.2xlarge", "c7i.4xlarge"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "thumb_slot: 8", "thumb_slot: 16"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, "CPU: 0,", "CPU: 2,"),
    (rules.workers_are_spot_and_the_head_is_not, "MarketType: spot", "MarketType: capacity-block"),
    (rules.workers_are_spot_and_the_head_is_not, "market: on-demand", "market: spot"),
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
    (file,) = re.findall(r"> ~/raythumbs.env\) <<'END'\n(.*?)END", (HOUSE / "README.md").read_text(), re.DOTALL)
    for word in shlex.split(file):
        monkeypatch.setenv(*word.split("=", 1))

    settings = load_settings()

    assert (settings.host, settings.store_uri) == ("0.0.0.0", "s3://YOUR-BUCKET/")
    assert settings.shown_database.startswith("postgresql+psycopg://raythumbs:***@")
    assert set(re.findall(r"(?m)^RAYTHUMBS_\w+", file)) <= set(map(variable, Settings.model_fields))


def variable(field: str) -> str:
    return f"RAYTHUMBS_{field.upper()}"
