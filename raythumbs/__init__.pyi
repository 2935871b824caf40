from raythumbs.client import AsyncClient as AsyncClient
from raythumbs.client import Client as Client
from raythumbs.client import Refused as Refused
from raythumbs.client import Retries as Retries
from raythumbs.client import StillWaiting as StillWaiting
from raythumbs.client import Unreachable as Unreachable

__version__: str
