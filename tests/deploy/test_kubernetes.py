"""The Kubernetes manifests: of their schemas, and fitting to each other and to the server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

pytest.importorskip("longtake_serve")
pytest.importorskip("yaml")

from longtake_serve.command import serve
from tests.contrib.serve.http.server import served
from tests.deploy.files import DEPLOY, PREFIX, documents, image_problem, variables_of_settings

FOLDERS = (DEPLOY / "kubernetes" / "server", DEPLOY / "kubernetes" / "pool")
SERVER, POOL = FOLDERS
VERSIONS = ("1.31", "1.34")

kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")


def kustomized(folder: Path) -> dict[str, Any]:
    """The objects that ``kubectl apply -k`` would apply, which needs no cluster."""
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load_all(done.stdout)
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


def pods(objects: dict[str, Any]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Labels and specification of each kind of pod; the operator of a RayCluster adds labels."""
    for name, found in objects.items():
        if name.startswith("Deployment/"):
            template = found["spec"]["template"]
            yield template["metadata"]["labels"], template["spec"]
        if name.startswith("RayCluster/"):
            cluster = {"ray.io/cluster": found["metadata"]["name"]}
            head, groups = found["spec"]["headGroupSpec"], found["spec"]["workerGroupSpecs"]
            yield {**cluster, "ray.io/node-type": "head"}, head["template"]["spec"]
            for group in groups:
                labels = {**cluster, "ray.io/group": group["groupName"]}
                yield labels, group["template"]["spec"]


def settings(objects: dict[str, Any]) -> dict[str, str]:
    data: dict[str, str] = objects["ConfigMap/longtake-settings"]["data"]
    return data


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_manifests_are_of_their_schemas(folder: Path, version: str) -> None:
    validating = pytest.importorskip("kubernetes_validate", reason="no kubernetes-validate")
    found = documents(folder)
    clusters = {name: found.pop(name) for name in [*found] if name.startswith("RayCluster/")}
    if folder == POOL:
        del found["Deployment/longtake-server"]  # of which it is only what is added
    for document in found.values():
        validating.validate(document, version, strict=True)
    for _, spec in pods(clusters):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
        validating.validate(pod, version, strict=True)
        pod["spec"] = {**spec, "container": []}
        with pytest.raises(validating.ValidationError):  # the schemas are strict
            validating.validate(pod, version, strict=True)


@kubectl
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_they_are_put_together_with_images_that_have_versions(folder: Path) -> None:
    validating = pytest.importorskip("kubernetes_validate", reason="no kubernetes-validate")
    objects = kustomized(folder)
    for name, document in objects.items():
        if not name.startswith("RayCluster/"):
            validating.validate(document, VERSIONS[-1], strict=True)
    images = {c["image"] for _, spec in pods(objects) for c in spec["containers"]}
    assert [image_problem(image) for image in images] == [None]  # one for all of them
    spaces = {each["metadata"].get("namespace") for each in objects.values()} - {None}
    assert spaces == {"longtake"}
    assert (folder == POOL) == any(image.endswith("-ray") for image in images)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_said_to_the_server_are_settings(folder: Path) -> None:
    objects = documents(SERVER)
    said = settings(objects)
    if folder == POOL:
        pytest.importorskip("longtake_ray", reason="no longtake-ray: its setting is not known")
        said = said | settings(documents(POOL))
    assert {name for name in said if name.startswith(PREFIX)} == said.keys()
    assert said.keys() <= variables_of_settings()
    result = CliRunner().invoke(
        serve, ["--show-settings"], env={**said, f"{PREFIX}HOST": "0.0.0.0"}
    )
    assert result.exit_code == 0, result.output


def test_the_pool_says_a_place_that_is_there() -> None:
    places = pytest.importorskip("longtake_ray.places", reason="no longtake-ray")
    objects = documents(POOL)
    place = places.place_of(settings(objects)[f"{PREFIX}DISPATCHER"])
    cluster = objects["RayCluster/longtake-pool"]
    ports = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"]
    port = next(each["containerPort"] for each in ports if each["name"] == "client")
    assert place.address == f"ray://{cluster['metadata']['name']}-head-svc:{port}"
    (group,) = cluster["spec"]["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert place.workers * (place.gpus or 0) <= group["replicas"] * int(limits["nvidia.com/gpu"])


def test_probes_ask_for_paths_that_are_there_by_a_name_that_is_answered(tmp_path: Path) -> None:
    objects = documents(SERVER)
    (container,) = objects["Deployment/longtake-server"]["spec"]["template"]["spec"]["containers"]
    names = settings(objects)[f"{PREFIX}ALLOWED_HOST"].split()
    probes = {name: probe["httpGet"] for name, probe in container.items() if "Probe" in name}
    assert {name: each["path"] for name, each in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    with served(tmp_path) as server:
        for probe in probes.values():
            assert server.client.get(probe["path"]).status_code in (200, 503)
            (header,) = probe["httpHeaders"]
            assert (header["name"], header["value"] in names) == ("Host", True)


def test_ports_are_the_images() -> None:
    objects = documents(SERVER)
    (container,) = objects["Deployment/longtake-server"]["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert f"PORT={port['containerPort']} " in (DEPLOY / "Containerfile").read_text()
    (of_service,) = objects["Service/longtake-server"]["spec"]["ports"]
    (of_policy,) = objects["NetworkPolicy/longtake-server"]["spec"]["ingress"][0]["ports"]
    assert of_service["targetPort"] == port["name"]
    assert of_policy["port"] == port["containerPort"]


def selectors(objects: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, found in objects.items():
        spec = found.get("spec", {})
        if name.startswith("Service/"):
            yield name, spec["selector"]
        elif name.startswith(("PodDisruptionBudget/", "Deployment/")) and "selector" in spec:
            yield name, spec["selector"]["matchLabels"]
        elif name.startswith("NetworkPolicy/"):
            yield name, spec["podSelector"]["matchLabels"]
            for rule in spec["ingress"]:
                for each in rule.get("from", ()):
                    yield name, each["podSelector"]["matchLabels"]


def test_selectors_select_pods_that_there_are() -> None:
    objects = {**documents(POOL), **documents(SERVER)}
    labels = [found for found, _ in pods(objects)]
    wanted = [*selectors(documents(POOL)), *selectors(documents(SERVER))]
    assert len(wanted) >= 8
    for name, selector in wanted:
        assert any(selector.items() <= each.items() for each in labels), name


def test_a_budget_lets_nodes_be_drained() -> None:
    objects = {**documents(POOL), **documents(SERVER)}
    budgets = [found["spec"] for name, found in objects.items() if "DisruptionBudget" in name]
    assert [each["maxUnavailable"] for each in budgets] == [1, 1]


def test_pods_run_as_nobody_and_may_nothing() -> None:
    objects = {**documents(POOL), **documents(SERVER)}
    found = list(pods(objects))
    assert len(found) == 3
    for _, spec in found:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for container in spec["containers"]:
            careful = container["securityContext"]
            assert careful["allowPrivilegeEscalation"] is False
            assert careful["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_secrets_and_claims_that_are_named_are_made_or_told_of() -> None:
    guide = (DEPLOY.parent / "docs" / "how-to" / "deploy.md").read_text()
    made = re.findall(r"--from-(?:file|literal)=([\w-]+)", guide)
    objects = {**documents(POOL), **documents(SERVER)}
    text = yaml.safe_dump(list(objects.values()))
    used = {*re.findall(r"key: ([\w-]+)\n", text)}
    assert used == {*made}
    claims = set(re.findall(r"claimName: ([\w-]+)", text))
    assert {f"PersistentVolumeClaim/{name}" for name in claims} <= objects.keys()
    for _, spec in pods(objects):
        volumes = {each["name"] for each in spec["volumes"]}
        mounts = {each["name"] for c in spec["containers"] for each in c["volumeMounts"]}
        assert mounts == volumes


def test_files_that_settings_name_are_mounted_in_all_pods_that_read_them() -> None:
    objects = documents(SERVER)
    named = set(re.findall(r"/run/secrets/longtake/([\w-]+)", " ".join(settings(objects).values())))
    for labels, spec in pods({**documents(POOL), **objects}):
        (volume,) = (each for each in spec["volumes"] if each["name"] == "secrets")
        paths = {each["path"] for each in volume["secret"]["items"]}
        (container,) = spec["containers"]
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "secrets")
        assert mount["mountPath"] == "/run/secrets/longtake"
        assert paths == (named - {"tokens"} if "ray.io/cluster" in labels else named)
