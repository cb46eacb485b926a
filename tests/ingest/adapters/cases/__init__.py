"""The cases of all vendors: every module here has CASES, and where there are any PULLS, VECTORS and ELSEWHERE.

ELSEWHERE says of a sample, or of an official vector ("wechat_mp 3"), that no case can hold, where it is proven instead.
"""

import importlib
import pkgutil

from tests.ingest.adapters.case import Case, Pull, Vector

_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]

CASES: list[Case] = [case for module in _MODULES for case in module.CASES]
PULLS: list[Pull] = [pull for module in _MODULES for pull in getattr(module, "PULLS", ())]
VECTORS: list[Vector] = [vector for module in _MODULES for vector in getattr(module, "VECTORS", ())]
ELSEWHERE: dict[str, str] = {name: where for module in _MODULES for name, where in getattr(module, "ELSEWHERE", {}).items()}
