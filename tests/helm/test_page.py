"""docs/install-kubernetes.md does what it says, as far as that needs no cluster. tests/docs leaves the page to this."""

import re
import subprocess

import charts

PAGE = (charts.ROOT / "docs/install-kubernetes.md").read_text()
BLOCKS = re.findall(r"(\*Not run by the tests:[^\n]*\*\n\n)?```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def bash(helm, script, folder):
    """Runs a script where helm is this one, in the copy of the charts."""
    (folder / "helm").unlink(missing_ok=True)
    (folder / "helm").symlink_to(helm)
    surroundings = charts.surroundings(helm) | {"PATH": f"{folder}:/usr/bin:/bin"}
    words = ["bash", "-eu", "-o", "pipefail", "-c", script]
    return subprocess.run(words, cwd=charts.copy(), env=surroundings, capture_output=True, text=True, timeout=60)


def test_every_command_of_the_page_works(helm, tmp_path):
    """Block after block; what would be installed is rendered, and what kubectl would be asked is not asked."""
    script = "".join(text for skipped, language, text in BLOCKS if language == "sh" and not skipped)
    assert "helm template" in script
    left_out = [text for skipped, language, text in BLOCKS if skipped]
    begin = [text.splitlines()[0].split()[:2] for text in left_out]
    assert begin[:2] == [["scripts/image", "--push"], ["helm", "install"]]
    assert all("kubectl" in text for text in left_out[2:]), left_out
    install = left_out[1].splitlines()[0].replace("helm install", "helm template")
    done = bash(helm, f"{script}{install} | diff - rendered.yaml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_one_line_of_the_page_is_that_of_the_example():
    """And the example's chart holds nothing more there."""
    line = (charts.ROOT / "examples/shop-chart/templates/web.yaml").read_text()
    assert line in [text for _, language, text in BLOCKS if language == "text"]


def test_what_the_page_says_of_defaults_is_so():
    """Its uid, the registry's path and the day that a start may take."""
    values = charts.objects((charts.ROOT / "helm/presignd-lib/values.yaml").read_text())[0]
    (daemon,) = charts.daemons(charts.render(charts.HELMS[-1], charts.MODES[0].with_name("sidecar.yaml")))
    assert f"d {values['registry']['hostPath']} 0700 {values['runAsUser']} {values['runAsGroup']}" in PAGE
    assert f"d {values['node']['socketDirectory']} 0755 {values['runAsUser']} {values['runAsGroup']}" in PAGE
    probe = daemon["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 24 * 60 * 60


def test_how_many_records_fit_is_counted_with_what_one_was_measured_to_take():
    """On the page, in the values and in the notes; the default's are those of the page about speed and size."""
    measured = int(re.search(r"some (\d+) bytes for each record", (charts.ROOT / "docs/performance.md").read_text())[1])
    values = (charts.ROOT / "helm/presignd-lib/values.yaml").read_text()
    assert charts.objects(values)[0]["registry"]["sizeLimit"] == "1Gi"
    for text in [PAGE, values, (charts.ROOT / "helm/presignd/templates/NOTES.txt").read_text()]:
        assert f"some {measured} bytes" in text
    assert f"some {1024**3 / measured / 1e6:.1f} million" in values
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) GB[^|]*\| ([\d.]+) ([MG])B \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for rate, month, day, unit in rows:
        for hours, said in [(721, float(month) * 1e9), (25, float(day) * {"M": 1e6, "G": 1e9}[unit])]:
            assert abs(said / (int(rate) * hours * 3600 * measured) - 1) < 0.03, (rate, hours)


def test_what_the_page_mounts_to_look_at_files_is_the_daemons_own():
    """The container with a shell: presignd's user, and the volume of its registry where presignd has it."""
    (files,) = [text for _, _, text in BLOCKS if "files.yaml" in text]
    added = charts.objects(files.split("<<'END'\n")[1].split("\nEND\n")[0])[0]
    for mode in ["sidecar.yaml", "daemonset-prepared-node.yaml"]:
        (daemon,) = charts.daemons(charts.render(charts.HELMS[-1], charts.MODES[0].with_name(mode)))
        assert added["securityContext"].items() <= daemon["securityContext"].items()
        assert added["volumeMounts"][0] in daemon["volumeMounts"]
