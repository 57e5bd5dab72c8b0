"""The charts render in every mode, with both Helms, to the same objects, and pass what Helm itself checks."""

import charts


def test_both_helms_make_the_same_of_a_mode(mode):
    """The first is compared with each other."""
    assert len(charts.HELMS) == 2, charts.HELMS
    by_name = lambda each: (each["kind"], each["metadata"]["name"])
    first, second = (sorted(charts.render(helm, mode), key=by_name) for helm in charts.HELMS)
    assert first == second
    assert first, "nothing was rendered"


def test_lint_finds_nothing_in_a_mode(helm, mode):
    """Warnings count."""
    done = charts.run(helm, "lint", "--strict", "--values", str(mode), str(charts.copy() / "helm/presignd"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint_finds_nothing_in_the_library(helm):
    """By itself it makes no object."""
    done = charts.run(helm, "lint", "--strict", str(charts.copy() / "helm/presignd-lib"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_package_of_the_chart_needs_nothing_beside_it(helm, tmp_path):
    """As it would come from a registry of charts."""
    chart = str(charts.copy() / "helm/presignd")
    done = charts.run(helm, "package", chart, "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("presignd-*.tgz")
    done = charts.run(helm, "template", "r", str(package), "--values", str(charts.MODES[0]))
    assert done.returncode == 0, done.stderr


def test_versions_are_those_of_the_program():
    """One version for program, image and charts."""
    import tomllib

    version = tomllib.loads((charts.ROOT / "Cargo.toml").read_text())["package"]["version"]
    for name in ["presignd", "presignd-lib"]:
        chart = charts.objects((charts.ROOT / f"helm/{name}/Chart.yaml").read_text())[0]
        assert (chart["version"], chart["appVersion"]) == (version, version), name
    values = charts.objects((charts.ROOT / "helm/presignd-lib/values.yaml").read_text())[0]
    assert values["image"]["tag"] == version


def test_no_image_is_made_up(helm):
    """None is published, so none is a default."""
    done = charts.template(helm, {})
    assert done.returncode != 0
    assert "presignd.image.repository: no image is published yet" in done.stderr


def test_notes_warn_of_a_registry_that_ends_with_its_pod_and_of_no_other(helm, mode):
    """The one thing that an operator would find out too late."""
    rendered = charts.render(helm, mode)
    volumes = [each for pod in charts.pods(rendered) for each in pod["spec"]["volumes"]]
    ends = any(each["name"] == "presignd-registry" and "emptyDir" in each for each in volumes)
    assert ("WARNING: the registry is an emptyDir" in charts.notes(helm, mode)) == ends


def test_notes_say_what_ends_a_pod_whose_registry_is_full(helm):
    """The bound of its volume, and what keeps records away from it."""
    by_name = {mode.stem: mode for mode in charts.MODES}
    assert "It holds 1Gi (presignd.registry.sizeLimit" in charts.notes(helm, by_name["sidecar"])
    registry = {"type": "emptyDir", "sizeLimit": "5Gi"}
    presignd = {"image": charts.IMAGE, "registry": registry, "config": {"registry": {"retention": "2d"}}}
    said = charts.notes(helm, {"presignd": presignd})
    assert "It holds 5Gi" in said and "registry.retention (2d)" in said
    assert "sizeLimit" not in charts.notes(helm, by_name["sidecar-statefulset"])


def test_notes_name_each_uid_that_may_sign(helm):
    """And say that there is none."""
    by_name = {mode.stem: mode for mode in charts.MODES}
    assert "uid 1000001: read, write in photos as uploads" in charts.notes(helm, by_name["sidecar"])
    assert "there is no grant" in charts.notes(helm, by_name["daemonset-prepared-node"])
