"""What the documents show works, and where they point there is something."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from attrs import evolve

import longtake as lt

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), ROOT / "contrib" / "README.md"]


def code_block(document: Path, beginning: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if block.startswith(beginning))
    return str(block)


def test_the_family_of_the_plugin_page_works(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("longtake_fog")
    monkeypatch.setitem(sys.modules, "longtake_fog", module)
    exec(code_block(ROOT / "docs" / "plugins.md", "import longtake as lt"), vars(module))
    (fog,) = module.longtake_families()
    with lt.load(family=fog) as pipeline:
        request = lt.GenerationRequest("fog", stage_overrides={"paint": {"haze": 0.25}})
        result = pipeline.generate(request)
    assert result.frames.shape == (25, 64, 96, 3)
    assert (result.frames == 63).all()


def test_the_preset_of_the_plugin_page_works(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("longtake_fog")
    monkeypatch.setitem(sys.modules, "longtake_fog", module)
    page = ROOT / "docs" / "plugins.md"
    exec(code_block(page, "import longtake as lt"), vars(module))
    exec(code_block(page, "@frozen(kw_only=True)\nclass PaintOverrides"), vars(module))
    (fog,) = module.longtake_families()
    fog = evolve(fog, presets=(module.DENSE,))
    with lt.load(family=fog, preset_overrides={"paint": {"coats": 2}}) as pipeline:
        assert [spec.name for spec in pipeline.recipe] == ["paint", "paint"]
        assert len(pipeline.generate(lt.GenerationRequest("fog")).frames) == 25


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    for target in targets:
        assert (document.parent / target).exists(), target


def test_the_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    for session in ("demo", "tests"):
        assert f"\npython3 -m pip install nox && python3 -m nox -s {session}\n" in text
