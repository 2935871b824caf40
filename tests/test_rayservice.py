"""The manual's page on Kubernetes keeps to every rule, and each rule finds a broken copy."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import rayservice_rules as rules

TEXT = (Path(__file__).parent.parent / "raythumbs" / "manual" / "kubernetes.md").read_text()

BROKEN = [
    (rules.kuberay_knows_every_field, "authOptions:", "authOption:"),
    (rules.kuberay_knows_every_field, "redisAddress", "redisAddres"),
    (rules.kuberay_knows_every_field, "maxReplicas", "maxReplica"),
    (rules.kuberay_knows_every_field, "kind: RayService", "kind: RayCluster"),
    (rules.kubernetes_takes_the_pods, "readinessProbe", "readynessProbe"),
    (rules.kubernetes_takes_the_pods, "containerPort: 8000", "containerPort: eight"),
    (rules.serve_takes_its_config, "proxy_location: EveryNode", "proxy_location: Everywhere"),
    (rules.serve_takes_its_config, "raythumbs.app:build", "raythumbs.app:assemble"),
    (rules.serve_takes_its_config, "store: 's3", "shop: 's3"),
    (rules.serve_takes_its_config, "args: {host: 0.0.0.0, ", "args: {"),
    (rules.the_api_asks_for_keys, "RAYTHUMBS_API_KEYS", "RAYTHUMBS_STORE"),
    (rules.the_api_asks_for_keys, "args: {host", "args: {allow_without_keys: true, host"),
    (rules.versions_are_those_of_this_checkout, 'rayVersion: "2.60.0"', 'rayVersion: "2.59.0"'),
    (rules.versions_are_those_of_this_checkout, "rayproject/ray:2.60.0", "rayproject/ray:nightly"),
    (rules.versions_are_those_of_this_checkout, "REGISTRY/raythumbs:0.2.0", "REGISTRY/raythumbs:latest"),
    (rules.everybody_needs_the_token, "mode: token", "mode: disabled"),
    (rules.secrets_are_named_and_not_written, "generic raythumbs-redis", "generic redis"),
    (rules.secrets_are_named_and_not_written, "RAY_USAGE_STATS_ENABLED, value", "AWS_SECRET_ACCESS_KEY, value"),
    (rules.secrets_are_named_and_not_written, "- secretRef:", "- configMapRef:"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, r"thumb_slot\": 8", r"thumb_slot\": 16"),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, 'num-cpus: "0"', 'num-cpus: "2"'),
    (rules.slots_are_the_smaller_of_the_cpus_and_eight, 'limits: {cpu: "8"', 'limits: {cpu: "4"'),
    (rules.versions_are_those_of_this_checkout, "RUN raythumbs env", "RUN true"),
    (rules.ray_starts_as_on_any_cluster, 'ENABLE_HA_PROXY, value: "1"', 'ENABLE_HA_PROXY, value: "0"'),
    (rules.ray_starts_as_on_any_cluster, "/home/ray/.raythumbs/haproxy.sh", "/usr/sbin/haproxy"),
    (rules.ray_starts_as_on_any_cluster, "CONTROL_LOOP_INTERVAL_S", "CONTROL_LOOP_PERIOD_S"),
    (rules.ray_starts_as_on_any_cluster, 'object-store-memory: "200000000"', 'object-store-memory: "2000000000"'),
    (rules.no_container_may_more_than_it_needs, "runAsNonRoot: true", "runAsNonRoot: false"),
    (rules.no_container_may_more_than_it_needs, "securityContext: *unprivileged", "securityContext: {}"),
    (rules.the_queue_asks_for_no_more_slots_than_there_may_be, "max_slots: 32", "max_slots: 100"),
    (rules.the_queue_asks_for_no_more_slots_than_there_may_be, "maxReplicas: 4", "maxReplicas: 5"),
    (rules.a_pod_is_ready_where_it_takes_requests, "path: /-/healthz", "path: /healthz"),
    (rules.a_pod_is_ready_where_it_takes_requests, "port: 52365", "port: 8265"),
    (rules.the_autoscaler_is_the_second, "version: v2", "version: v1"),
    (rules.the_autoscaler_is_the_second, "restartPolicy: Never", "restartPolicy: Always"),
    (rules.there_is_one_cluster_at_a_time, 'type: "None"', "type: NewCluster"),
]


def of_its_rule(rule: rules.Rule, *given: str) -> Any:
    """A case for a test; the rule on pods needs the schemas of Kubernetes."""
    marks = [pytest.mark.needs("packages")] if rule is rules.kubernetes_takes_the_pods else []
    return pytest.param(rule, *given, marks=marks)


def manifest(text: str) -> rules.Manifest:
    (block,) = re.findall(r"```yaml\n(apiVersion: .*?)```", text, re.DOTALL)
    read: rules.Manifest = yaml.safe_load(block)
    return read


@pytest.mark.parametrize("rule", [of_its_rule(rule) for rule in rules.RULES])
def test_the_manifest_keeps_to(rule):
    assert list(rule(manifest(TEXT), TEXT)) == []


@pytest.mark.parametrize(("rule", "right", "wrong"), [of_its_rule(*one) for one in BROKEN])
def test_a_broken_copy_is_found_out(rule, right, wrong):
    assert right in TEXT
    broken = TEXT.replace(right, wrong, 1)

    assert list(rule(manifest(broken), broken))


def test_each_rule_has_a_copy_that_it_finds_out():
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)
