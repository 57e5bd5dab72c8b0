"""Builds the package: what stands in presignd/, and the stubs of the proto, made when it is built and never committed."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
PROTO = HERE.parent.parent / "proto"


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        import grpc_tools
        from grpc_tools import protoc

        out = str(HERE) if self.editable_mode else self.build_lib
        protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("presignd/v1/*.proto"))
        if not protos:
            raise SystemExit(f"there is no proto in {PROTO}: build the package in a clone of presignd")
        known = Path(grpc_tools.__file__).parent / "_proto"
        kinds = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        if protoc.main(["protoc", f"-I{PROTO}", f"-I{known}", *kinds, *protos]) != 0:
            raise SystemExit("protoc failed")


setup(cmdclass={"build_py": BuildWithStubs})
