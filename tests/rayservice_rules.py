"""What the manual's manifest for Kubernetes must keep to. Each rule tells what breaks it.

Serve's and Kubernetes' own schemas are asked. That of KubeRay is in no package: its fields are listed here, as far as
the manifest could have use of them.
"""

import functools
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import ray
import yaml
from pydantic import ValidationError
from ray._private.ray_constants import DEFAULT_DASHBOARD_AGENT_LISTEN_PORT
from ray.serve.schema import ServeDeploySchema

from raythumbs.cluster.environment import for_cluster
from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.errors import BadSettings
from raythumbs.settings import load_settings

HOME = "/home/ray"  # in Ray's images, whose user is `ray`, 1000
PLACES = r"RAY_SERVE_HAPROXY_(CONFIG_FILE_LOC|(METRICS_)?SOCKET_PATH|SERVER_STATE_(BASE|FILE))"
OBJECT_STORE_BYTES = "200000000"  # as cluster.yaml has it

Manifest = dict[str, Any]
Rule = Callable[[Manifest, str], Iterator[str]]

# github.com/ray-project/kuberay: docs/reference/api.md, and helm-chart/kuberay-operator/crds/ray.io_rayservices.yaml.
FIELDS = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "spec": {
        "excludeHeadPodFromServeSvc", "managedBy", "rayClusterConfig", "serveConfigV2", "serveService",
        "upgradeStrategy",
    },
    "spec.upgradeStrategy": {"type"},
    "spec.rayClusterConfig": {
        "authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec",
        "headServiceAnnotations", "managedBy", "rayVersion", "suspend", "workerGroupSpecs",
    },
    "spec.rayClusterConfig.authOptions": {"mode", "secretName", "enableK8sTokenAuth"},
    "spec.rayClusterConfig.autoscalerOptions": {
        "args", "command", "env", "envFrom", "idleTimeoutSeconds", "image", "imagePullPolicy", "resources",
        "securityContext", "upscalingMode", "version", "volumeMounts",
    },
    "spec.rayClusterConfig.gcsFaultToleranceOptions": {
        "backend", "externalStorageNamespace", "redisAddress", "redisUsername", "redisPassword",
    },
    "spec.rayClusterConfig.headGroupSpec": {
        "enableIngress", "headService", "rayStartParams", "serviceType", "template",
    },
    "spec.rayClusterConfig.workerGroupSpecs": {
        "groupName", "idleTimeoutSeconds", "maxReplicas", "minReplicas", "numOfHosts", "rayStartParams", "replicas",
        "scaleStrategy", "suspend", "template",
    },
}  # fmt: skip


def kuberay_knows_every_field(manifest: Manifest, text: str) -> Iterator[str]:
    """A field that the operator does not know is dropped without a word."""
    for path, known in FIELDS.items():
        for part in _parts(manifest, path):
            if unknown := part.keys() - known:
                yield f"{path or 'manifest'}: {unknown}"
    if (manifest["apiVersion"], manifest["kind"]) != ("ray.io/v1", "RayService"):
        yield f"{manifest['apiVersion']} {manifest['kind']}"


def _parts(manifest: Manifest, path: str) -> list[dict[str, Any]]:
    part: Any = manifest
    for name in path.split(".") if path else []:
        part = part.get(name, {})
    return part if isinstance(part, list) else [part]


def kubernetes_takes_the_pods(manifest: Manifest, text: str) -> Iterator[str]:
    """Each template makes a Pod."""
    import kubernetes_validate  # of the extra `ci`

    for name, group in groups(manifest).items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": group["template"]["spec"]}
        try:
            kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {error.message}"


def serve_takes_its_config(manifest: Manifest, text: str) -> Iterator[str]:
    """Serve's schema, and the settings' own checks of the arguments."""
    try:
        config = ServeDeploySchema.model_validate(yaml.safe_load(manifest["spec"]["serveConfigV2"]))
        (application,) = config.applications
        settings = load_settings(**application.args)
    except (ValidationError, BadSettings) as error:
        yield f"serveConfigV2: {error}"
        return
    if application.import_path != "raythumbs.app:build":
        yield f"{application.import_path} is not the service"
    if {config.http_options.host, settings.host} != {"0.0.0.0"}:
        yield "HAProxy of one pod does not reach the replicas of another"


def the_api_asks_for_keys(manifest: Manifest, text: str) -> Iterator[str]:
    """On 0.0.0.0 the service does not start without keys, and they are in the Secret that every pod has."""
    (application,) = yaml.safe_load(manifest["spec"]["serveConfigV2"])["applications"]
    (secret,) = re.findall(r"(?m)^- `raythumbs\.secrets` (?:.|\n  )*", text)
    if "`RAYTHUMBS_API_KEYS`" not in secret or application["args"].get("allow_without_keys"):
        yield "whoever reaches the service may use it"


def versions_are_those_of_this_checkout(manifest: Manifest, text: str) -> Iterator[str]:
    """Ray in the image, of the manifest and on this machine are one; the image is named by what is in it."""
    ours, cluster = version("raythumbs"), manifest["spec"]["rayClusterConfig"]
    if cluster["rayVersion"] != ray.__version__:
        yield f"rayVersion is {cluster['rayVersion']}"
    if {container(group)["image"].rpartition(":")[2] for group in groups(manifest).values()} != {ours}:
        yield "the images are of another version"
    wheel = f"raythumbs-{ours}-py3-none-any.whl"
    for wanted in (f"FROM rayproject/ray:{ray.__version__}-py3", f"COPY dist/{wheel} /tmp/",
                   f"'ray[serve]=={ray.__version__}' '/tmp/{wheel}[postgres]'\nRUN raythumbs env >"):  # fmt: skip
        if wanted not in text:
            yield f"the Dockerfile has no {wanted!r}"


def everybody_needs_the_token(manifest: Manifest, text: str) -> Iterator[str]:
    """The operator sets RAY_AUTH_MODE and RAY_AUTH_TOKEN of each container by this (KubeRay 1.6)."""
    options = manifest["spec"]["rayClusterConfig"].get("authOptions", {})
    if options.get("mode") != "token" or not options.get("secretName"):
        yield f"authOptions: {options}"


def secrets_are_named_and_not_written(manifest: Manifest, text: str) -> Iterator[str]:
    """Every Secret that the manifest names is made by a line above it, and no secret is in it."""
    named = set(re.findall(r"(?:secretName|secretKeyRef: \{name|secretRef: \{name): ([\w-]+)", text))
    made = set(re.findall(r"kubectl create secret generic (\S+)", text))
    if named != made:
        yield f"named are {named}, made are {made}"
    for name, group in groups(manifest).items():
        for variable in container(group).get("env", []):
            if re.search("KEY|SECRET|TOKEN|PASSWORD|DATABASE", variable["name"]) and "value" in variable:
                yield f"{name}: {variable['name']} is written"
        if container(group).get("envFrom") != [{"secretRef": {"name": "raythumbs"}}]:
            yield f"{name} has no settings"


def slots_are_the_smaller_of_the_cpus_and_eight(manifest: Manifest, text: str) -> Iterator[str]:
    """Of workers; the head has no CPU for Ray. KubeRay tells Ray the limits as CPUs."""
    cluster = manifest["spec"]["rayClusterConfig"]
    if cluster["headGroupSpec"]["rayStartParams"].get("num-cpus") != "0":
        yield "the head renders"
    for group in cluster["workerGroupSpecs"]:
        resources = container(group)["resources"]
        if _declared(group) != {SLOT_RESOURCE: min(_cpus(group), 8)} or resources["requests"] != resources["limits"]:
            yield f"{group['groupName']} declares {_declared(group)} and has {resources}"


def _declared(group: dict[str, Any]) -> object:
    (value,) = shlex.split(group["rayStartParams"].get("resources", "null"))  # KubeRay puts it into a shell's line
    return json.loads(value)


def ray_starts_as_on_any_cluster(manifest: Manifest, text: str) -> Iterator[str]:
    """Every container has what `raythumbs env` prints, and as little memory for objects as elsewhere."""
    for name, group in groups(manifest).items():
        env = {one["name"]: one.get("value") for one in container(group).get("env", [])}
        if differing := env.items() ^ _as_on_any_cluster().items():
            yield f"{name} is started otherwise: {differing}"
        if group["rayStartParams"].get("object-store-memory") != OBJECT_STORE_BYTES:
            yield f"{name} keeps other memory for objects"


@functools.cache
def _as_on_any_cluster() -> dict[str, str]:
    """What `raythumbs env` prints in the image, but for the token's mode (the operator's) and for where files are.

    In a pod there is nobody else to hide them from.
    """
    with TemporaryDirectory() as home, patch.dict(os.environ, {"PATH": os.environ["PATH"], "HOME": home}, clear=True):
        printed = for_cluster()
        for short in Path(home).glob(".raythumbs/sockets"):
            shutil.rmtree(short.resolve())
    return {
        name: value.replace(home, HOME)
        for name, value in printed.items()
        if name not in {"RAY_AUTH_MODE", "RAY_TMPDIR"} and not re.fullmatch(PLACES, name)
    }


def no_container_may_more_than_it_needs(manifest: Manifest, text: str) -> Iterator[str]:
    """Also the autoscaler's, which the operator puts beside the head: it is what `restricted` pods may (Kubernetes)."""
    contexts = {name: container(group).get("securityContext") for name, group in groups(manifest).items()}
    contexts["autoscaler"] = manifest["spec"]["rayClusterConfig"]["autoscalerOptions"].get("securityContext")
    for name, context in contexts.items():
        if context != {
            "runAsNonRoot": True, "runAsUser": 1000, "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        }:  # fmt: skip
            yield f"{name}: {context}"


def the_queue_asks_for_no_more_slots_than_there_may_be(manifest: Manifest, text: str) -> Iterator[str]:
    """More than the workers can have is approached by halves."""
    (application,) = yaml.safe_load(manifest["spec"]["serveConfigV2"])["applications"]
    (workers,) = manifest["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    if application["args"].get("max_slots") != workers["maxReplicas"] * min(_cpus(workers), 8):
        yield f"max_slots is {application['args'].get('max_slots')}"


def _cpus(group: dict[str, Any]) -> int:
    return int(container(group)["resources"]["limits"]["cpu"])


def a_pod_is_ready_where_it_takes_requests(manifest: Manifest, text: str) -> Iterator[str]:
    """KubeRay sends requests to the workers that are ready; it looks after the head's proxy itself."""
    for group in manifest["spec"]["rayClusterConfig"]["workerGroupSpecs"]:
        asked = [container(group).get(f"{kind}Probe", {}).get("httpGet") for kind in ("readiness", "liveness")]
        raylet = {"path": "/api/local_raylet_healthz", "port": DEFAULT_DASHBOARD_AGENT_LISTEN_PORT}
        if asked != [{"path": "/-/healthz", "port": 8000}, raylet]:
            yield f"the probes of {group['groupName']} ask {asked}"


def the_autoscaler_is_the_second(manifest: Manifest, text: str) -> Iterator[str]:
    """It wants pods that are never restarted: a new one is a new node."""
    cluster = manifest["spec"]["rayClusterConfig"]
    if not cluster.get("enableInTreeAutoscaling") or cluster["autoscalerOptions"].get("version") != "v2":
        yield "nothing scales"
    for name, group in groups(manifest).items():
        if group["template"]["spec"].get("restartPolicy") != "Never":
            yield f"{name} may be restarted"


def there_is_one_cluster_at_a_time(manifest: Manifest, text: str) -> Iterator[str]:
    """The operator's own way is a new cluster beside the old: two queues, where the record has a single writer."""
    if manifest["spec"].get("upgradeStrategy") != {"type": "None"}:
        yield "an upgrade makes a second cluster"


def groups(manifest: Manifest) -> dict[str, Any]:
    """The head's group and the workers', by name."""
    cluster = manifest["spec"]["rayClusterConfig"]
    return {"head": cluster["headGroupSpec"], **{group["groupName"]: group for group in cluster["workerGroupSpecs"]}}


def container(group: dict[str, Any]) -> dict[str, Any]:
    """The container that Ray runs in."""
    first: dict[str, Any] = group["template"]["spec"]["containers"][0]
    return first


RULES: tuple[Rule, ...] = (
    kuberay_knows_every_field, kubernetes_takes_the_pods, serve_takes_its_config, the_api_asks_for_keys,
    versions_are_those_of_this_checkout,
    everybody_needs_the_token, secrets_are_named_and_not_written, slots_are_the_smaller_of_the_cpus_and_eight,
    ray_starts_as_on_any_cluster, no_container_may_more_than_it_needs,
    the_queue_asks_for_no_more_slots_than_there_may_be, a_pod_is_ready_where_it_takes_requests,
    the_autoscaler_is_the_second, there_is_one_cluster_at_a_time,
)  # fmt: skip
