"""Adapters by the name of their channel: every module of this package that has an ADAPTER is one."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from services.ingest.adapters.adapter import Adapter


@cache
def adapters() -> dict[str, Adapter[Any, Any]]:
    """All adapters by name, in alphabetical order."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.ADAPTER.name: module.ADAPTER for module in modules if hasattr(module, "ADAPTER")}
