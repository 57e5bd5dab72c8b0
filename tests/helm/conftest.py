"""What every test of the charts may ask for."""

import pathlib

import charts
import pytest


@pytest.fixture(params=charts.HELMS, ids=lambda path: path.name, scope="session")
def helm(request):
    """Each Helm in turn."""
    return request.param


@pytest.fixture(params=charts.MODES, ids=lambda path: path.stem, scope="session")
def mode(request):
    """Each file of values in modes/."""
    return request.param


@pytest.fixture(scope="session")
def presignd():
    """The program, built before."""
    import os

    path = pathlib.Path(os.environ["PRESIGND"])
    assert path.exists(), f"there is no {path}: cargo build, or set PRESIGND"
    return path
