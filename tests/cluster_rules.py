"""What cluster.yaml must keep to. Each rule tells what breaks it; Ray's and AWS's own checks are asked where there are.

Nothing here talks to a cloud.
"""

import functools
import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator
from jsonschema import ValidationError
from ray._private.label_utils import validate_node_label_syntax, validate_node_labels
from ray.autoscaler._private.util import prepare_config, validate_config

from raythumbs.cluster.nodes import SLOT_RESOURCE

Config = dict[str, Any]
Rule = Callable[[Config, str], Iterator[str]]

RAY = Path(ray.__file__).parent
EVERYBODY = {"0.0.0.0/0", "::/0"}
SECRET_FILES = {"~/.ray/auth_token", "~/raythumbs.env"}


def ray_takes_it(config: Config, text: str) -> Iterator[str]:
    """Ray's own schema and checks (ray/autoscaler/ray-schema.json, _private/util.py), and its syntax of labels."""
    try:
        validate_config(prepare_config(config))
        for node_type in config.get("available_node_types", {}).values():  # none are written for one's own machines
            validate_node_labels(node_type.get("labels", {}))
            validate_node_label_syntax(node_type.get("labels", {}))
    except (ValidationError, ValueError, KeyError) as error:
        yield f"Ray refuses it: {error}"


def ray_reads_every_key_of_the_provider(config: Config, text: str) -> Iterator[str]:
    """The schema lets any key pass: known is what Ray's sources ask an AWS provider for."""
    for key in config["provider"].keys() - provider_keys() - {"type"}:
        yield f"no source of Ray reads provider.{key}"


@functools.cache
def provider_keys() -> frozenset[str]:
    """The keys that ray/autoscaler/_private reads of the section `provider`, for AWS and for every cloud."""
    folder = RAY / "autoscaler" / "_private"
    every_cloud = [folder / name for name in ("autoscaler.py", "commands.py", "updater.py")]
    read = r"""(?:provider_config|\["provider"\]|\.get\("provider", \{\}\))\s*(?:\.get\(|\[)\s*"(\w+)\""""
    sources = (path.read_text() for path in [*folder.glob("aws/**/*.py"), *every_cloud])
    return frozenset(key for source in sources for key in re.findall(read, source))


def aws_takes_its_nodes(config: Config, text: str) -> Iterator[str]:
    """Each node's configuration is what EC2's RunInstances takes, as botocore describes it."""
    ec2 = Session().get_service_model("ec2")
    asked = ec2.operation_model("RunInstances").input_shape
    for name, node_type in config["available_node_types"].items():
        node = {key: value for key, value in node_type["node_config"].items() if key != "SubnetIds"}  # Ray's own
        report = ParamValidator().validate({**node, "MinCount": 1, "MaxCount": 1}, asked)
        if report.has_errors():
            yield f"{name}: {report.generate_report()}"
        if node["InstanceType"] not in ec2.shape_for("InstanceType").enum:
            yield f"{name}: {node['InstanceType']} is no type of instance"


def a_shell_reads_every_command(config: Config, text: str) -> Iterator[str]:
    """Ray runs them by `bash`, in brackets, after it has read ~/.bashrc (`_with_interactive`)."""
    for key in (key for key in config if key.endswith("_commands")):
        for command in config[key]:
            read = subprocess.run(
                ["bash", "-n"], input=f"true && ({command})", text=True, capture_output=True, check=False
            )
            if read.returncode:
                yield f"{key}: {read.stderr}"


def no_command_is_left_to_rays_defaults(config: Config, text: str) -> Iterator[str]:
    """Ray's defaults for AWS install its nightly build, and show the dashboard to all (ray/autoscaler/aws)."""
    defaults = yaml.safe_load((RAY / "autoscaler" / "aws" / "defaults.yaml").read_text())
    for key in defaults:
        if key.endswith("_commands") and defaults[key] and key not in config:
            yield f"{key} is left to Ray's default: {defaults[key]}"


def versions_are_pinned(config: Config, text: str) -> Iterator[str]:
    """The nodes have the Ray that is tested here, and the raythumbs of this checkout."""
    wheel = f"~/raythumbs-{version('raythumbs')}-py3-none-any.whl"
    if config["file_mounts"].get(wheel) != wheel.replace("~", "dist"):
        yield f"{wheel} is not copied to the nodes"
    installed = [part for line in config["setup_commands"] for part in line.split("pip install -q ")[1:]]
    all_of_it = f"-c ~/constraints.txt 'ray[serve]=={ray.__version__}' {wheel}'[postgres]'"
    if installed != [all_of_it, f"--no-deps --force-reinstall {wheel}"]:
        yield f"what is installed is not pinned: {installed}"
    if "~/constraints.txt" not in config["file_mounts"]:
        yield "the versions of what the wheel needs are not copied"


def a_new_machine_is_let_finish_first(config: Config, text: str) -> Iterator[str]:
    """Ubuntu's first start runs apt by itself. DPkg::Lock::Timeout waits for packages' lock, not for that of lists."""
    waits, installs = config["setup_commands"][:2]
    if waits != "cloud-init status --wait > /dev/null || true":
        yield f"nothing waits for the machine: {waits}"
    if not re.search(r"for .*; do sudo apt-get update -qq && break; sleep \d+; done;", installs):
        yield f"apt's lists are asked for once: {installs}"
    if "sudo DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install " not in installs:
        yield f"apt does not wait, or asks: {installs}"


def nobody_comes_in_who_is_not_named(config: Config, text: str) -> Iterator[str]:
    """A group that Ray makes lets everybody try SSH, whatever else it is told (`_create_default_inbound_rules`)."""
    for name, node_type in config["available_node_types"].items():
        if not node_type["node_config"].get("SecurityGroupIds"):
            yield f"{name} has no SecurityGroupIds"
    if "security_group" in config["provider"]:
        yield "provider.security_group is for groups that Ray makes"


def the_dashboard_is_on_loopback(config: Config, text: str) -> Iterator[str]:
    """Who reaches the dashboard runs what he likes."""
    hosts = re.findall(r"--dashboard-host[= ](\S+)", " ".join(ray_start(config, "head")))
    if hosts != ["127.0.0.1"]:
        yield f"the dashboard listens on {hosts}"


def every_node_asks_for_the_token(config: Config, text: str) -> Iterator[str]:
    """Both starts have the mode, and the token's file is there; Ray takes the mode from nowhere else."""
    if config["file_mounts"].get("~/.ray/auth_token") != "~/.ray/auth_token":
        yield "the token is not copied to the nodes"
    for kind in ("head", "worker"):
        if not all(" RAY_AUTH_MODE=token ray start " in command for command in ray_start(config, kind)):
            yield f"the {kind} asks for no token"


def secrets_lie_in_files_of_ones_own(config: Config, text: str) -> Iterator[str]:
    """No secret is in the file, those that are copied can be read by nobody else, and workers keep no settings."""
    secret = r"AKIA|[A-Za-z0-9+/]{40}|://[^/\s]*:[^/\s]*@|(?i:(password|secret|token|access_key)\w*\s*[=:]\s*['\"]?\w)"
    for found in re.finditer(secret, re.sub(r"RAY_AUTH_MODE=token|HttpTokens: required", "", text)):
        yield f"{found[0]!r} looks like a secret"
    if missing := SECRET_FILES - config["file_mounts"].keys():
        yield f"{missing} are not copied"
    for kind in ("head", "worker"):
        first = config[f"{kind}_start_ray_commands"][0]
        private = first.startswith("chmod 600") and all(name in first for name in SECRET_FILES)
        if not private or ("rm -f ~/raythumbs.env" in first) != (kind == "worker"):
            yield f"the {kind}'s copies of secrets are not seen to"


def slots_are_the_smaller_of_the_cpus_and_eight(config: Config, text: str) -> Iterator[str]:
    """What is declared is what the instance has: the autoscaler counts with it. A head may declare nothing."""
    for name, node_type in config["available_node_types"].items():
        declared, cpus = node_type["resources"], cpus_of(node_type["node_config"]["InstanceType"])
        renders = name != config["head_node_type"] or declared != {"CPU": 0, SLOT_RESOURCE: 0}
        if renders and declared != {"CPU": cpus, SLOT_RESOURCE: min(cpus, 8)}:
            yield f"{name} declares {declared} and has {cpus} CPUs"


def cpus_of(instance_type: str) -> int:
    """vCPUs by size (https://aws.amazon.com/ec2/instance-types/): `large` has 2, and `xlarge` 4, `2xlarge` 8, ..."""
    size = instance_type.split(".")[1]
    return 2 if size == "large" else 4 * int(size.removesuffix("xlarge") or 1)


def slots_in_all(config: Config) -> int:
    """How many slots the workers have, when as many run as may: first those that always do, then the largest."""
    workers = [node for name, node in config["available_node_types"].items() if name != config["head_node_type"]]
    always = [node["resources"][SLOT_RESOURCE] for node in workers for _ in range(node["min_workers"])]
    more = [
        node["resources"][SLOT_RESOURCE] for node in workers for _ in range(node["max_workers"] - node["min_workers"])
    ]
    return sum(always) + sum(sorted(more, reverse=True)[: config["max_workers"] - len(always)])


def only_the_head_and_the_base_are_on_demand(config: Config, text: str) -> Iterator[str]:
    """A lost spot worker costs nothing; a lost head ends the cluster, and without the base uploads wait for a machine.

    The label says the same as the market.
    """
    kept = [name for name, node in config["available_node_types"].items() if node.get("min_workers")]
    if kept != ["base"]:
        yield f"always there are {kept}"
    for name, node_type in config["available_node_types"].items():
        market = node_type["node_config"].get("InstanceMarketOptions", {}).get("MarketType", "on-demand")
        wanted = "on-demand" if name in {config["head_node_type"], "base"} else "spot"
        if (market, node_type["labels"]["market"]) != (wanted, wanted):
            yield f"{name} is {market}, and labelled {node_type['labels']}"


def nodes_get_their_rights_from_a_profile(config: Config, text: str) -> Iterator[str]:
    """For a head without one, Ray makes a role that may do anything with EC2 and S3 (`_configure_iam_role`)."""
    for name, node_type in config["available_node_types"].items():
        if not node_type["node_config"].get("IamInstanceProfile"):
            yield f"{name} has no IamInstanceProfile"


def stopped_nodes_do_not_cost(config: Config, text: str) -> Iterator[str]:
    """Ray's default keeps stopped nodes, and with them their disks."""
    if config["provider"].get("cache_stopped_nodes", True):
        yield "stopped nodes are kept"


def ray_starts_as_the_service_wants_it(config: Config, text: str) -> Iterator[str]:
    """Serve reads its environment when Ray starts, on every node. Where it cannot be told, nothing is started."""
    for kind in ("head", "worker"):
        if not all('wanted=$(raythumbs env) && eval "$wanted" &&' in command for command in ray_start(config, kind)):
            yield f"the {kind} is started with what it happens to have"


def the_service_is_deployed_last(config: Config, text: str) -> Iterator[str]:
    """With the settings of the file, once the head runs."""
    wanted = "set -a && . ~/raythumbs.env && set +a && RAY_AUTH_MODE=token raythumbs up --address auto"
    if config["head_start_ray_commands"][-1] != wanted:
        yield "the head's last command does not deploy the service"


def what_is_to_be_changed_is_told(config: Config, text: str) -> Iterator[str]:
    """Every line of somebody's own is marked, and every mark says to what."""
    for line in text.splitlines():
        if "# CHANGE" in line and not re.search(r"# CHANGE: \w.{10,}", line):
            yield f"it is not told to what: {line.strip()}"
        own = re.match(r"\s+(region|InstanceType: \w7a|ImageId|SecurityGroupIds|IamInstance|min_workers: [1-9])", line)
        if own and "# CHANGE" not in line:
            yield f"not marked: {line.strip()}"


def ray_start(config: Config, kind: str) -> list[str]:
    """The commands that start Ray on a node of this kind."""
    return [command for command in config[f"{kind}_start_ray_commands"] if "ray start" in command]


RULES: tuple[Rule, ...] = (
    ray_takes_it, ray_reads_every_key_of_the_provider, aws_takes_its_nodes, a_shell_reads_every_command,
    no_command_is_left_to_rays_defaults, versions_are_pinned, a_new_machine_is_let_finish_first,
    nobody_comes_in_who_is_not_named,
    the_dashboard_is_on_loopback, every_node_asks_for_the_token, secrets_lie_in_files_of_ones_own,
    slots_are_the_smaller_of_the_cpus_and_eight, only_the_head_and_the_base_are_on_demand,
    nodes_get_their_rights_from_a_profile, stopped_nodes_do_not_cost, ray_starts_as_the_service_wants_it,
    the_service_is_deployed_last, what_is_to_be_changed_is_told,
)  # fmt: skip
