"""Where the service listens, and with how many processes."""

from typing import Literal

from pydantic import BaseModel, Field

from raythumbs.settings.values import Positive


class Doors(BaseModel):
    """The service's address and the processes that answer HTTP."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Addresses that other machines reach need `RAYTHUMBS_API_KEYS`.",
    )
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_base_url: str | None = Field(
        None,
        description="Address of this service as clients see it; every link begins with it. By default "
        "`http://HOST:PORT`. The database and an export keep the addresses of thumbnails in a file store as they "
        "were when the thumbnails were rendered; the API and the page give those of today.",
    )
    ingress_replicas: Positive = Field(1, description="Number of processes that answer HTTP.")
    ingress_nodes: Literal["head", "all"] = Field(
        "head",
        description="Where these processes run: `head`, or `all`. `all` spreads them over the nodes of the cluster, "
        "at most two on one node, for a load balancer in front of them. The cluster must have as many "
        "nodes as replicas, because a deploy runs two of each for a while. A node that answers HTTP never "
        "counts as idle, so an autoscaler keeps it.",
    )

    @property
    def base_url(self) -> str:
        """The service's address as clients see it, without a slash at its end."""
        return (self.public_base_url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """The service's address on the machine where it runs."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 compared, not bound
        return f"http://{host}:{self.port}"
