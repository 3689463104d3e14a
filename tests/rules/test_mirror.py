"""The tests of the SDK lie where its modules do, all the way down the tree."""

from __future__ import annotations

from pathlib import Path

from tests.rules.sources import ROOT, SDK

TESTS = ROOT / "tests" / "sdk"

TESTED_ELSEWHERE = {
    "__main__.py": "cli/test_group.py",
    "blobs/encryption.py": "blobs/test_encrypted.py",
    "blobs/file/layout.py": "blobs/file/test_store.py",
    "blobs/file/reading.py": "blobs/file/test_store.py",
    "blobs/file/writing.py": "blobs/file/test_store.py",
    "blobs/protocol.py": "blobs/test_memory.py",
    "blobs/wrapping.py": "blobs/test_tenants.py",
    "blobs/records/backend.py": "blobs/records/test_store.py",
    "cli/ending.py": "cli/test_group.py",
    "cli/listings.py": "cli/commands/test_listings.py",
    "cli/commands/frames.py": "cli/commands/test_inspection.py",
    "cli/commands/sessions/makers.py": "cli/commands/sessions/test_rolling.py",
    "cli/commands/sessions/parts.py": "cli/commands/sessions/test_film.py",
    "cli/commands/sessions/sheets.py": "cli/commands/sessions/test_showing.py",
    "cli/commands/sessions/towards.py": "cli/commands/sessions/test_rolling.py",
    "cli/commands/plans/memory.py": "plugins/test_published.py",
    "cli/commands/plans/output.py": "cli/commands/test_plan.py",
    "cli/commands/plans/speed.py": "plugins/test_published.py",
    "cli/commands/plain_summary.py": "cli/commands/test_inspection.py",
    "cli/commands/plans/planned.py": "cli/commands/test_plan.py",
    "cli/options/amounts.py": "plugins/test_published.py",
    "cli/commands/takes/hints.py": "cli/commands/takes/test_starting.py",
    "cli/commands/takes/files.py": "cli/commands/takes/test_starting.py",
    "cli/commands/takes/keeping.py": "cli/commands/test_generate.py",
    "cli/commands/takes/from_options.py": "cli/commands/test_generate.py",
    "cli/options/remaking.py": "cli/commands/test_retake.py",
    "cli/options/rolling.py": "cli/commands/test_generate.py",
    "cli/options/sources.py": "cli/commands/test_extend.py",
    "cli/commands/takes/making.py": "cli/commands/test_again.py",
    "cli/commands/takes/rolling.py": "cli/commands/test_generate.py",
    "cli/commands/takes/pictures.py": "cli/commands/takes/test_inspection.py",
    "dispatchers.py": "dispatch/test_opening.py",
    "dispatch/working.py": "dispatch/test_inprocess.py",
    "doctor/child.py": "doctor/test_diagnosis.py",
    "doctor/process.py": "doctor/test_diagnosis.py",
    "doctor/recipes.py": "doctor/test_broken_wheels.py",
    "families/models.py": "test_loading.py",
    "families/recognising.py": "test_loading.py",
    "families/published.py": "plugins/test_published.py",
    "media/displaymatrix.py": "media/test_upright.py",
    "requests/placed.py": "requests/test_inputs.py",
    "runs/error_lines.py": "runs/test_observers.py",
    "runs/declared.py": "plugins/test_observing.py",
    "schema/keywords.py": "schema/test_json_schema.py",
    "session_stores/access.py": "session_stores/test_store.py",
    "session_stores/backend.py": "session_stores/test_protocol.py",
    "session_stores/branches.py": "session_stores/test_store.py",
    "session_stores/checks.py": "session_stores/test_records.py",
    "session_stores/claims.py": "session_stores/test_holds.py",
    "session_stores/lifetimes.py": "session_stores/test_store.py",
    "media/formats.py": "media/test_writer.py",
    "media/muxing.py": "media/test_writer.py",
    "media/names.py": "takes/test_writer.py",
    "media/png.py": "media/test_stills.py",
    "media/reader.py": "media/test_writer.py",
    "media/regrowing.py": "takes/test_resuming.py",
    "media/sdr.py": "media/test_colours.py",
    "media/streams.py": "media/test_encoder.py",
    "media/take_file.py": "media/test_writer.py",
    "media/targets.py": "takes/test_writer.py",
    "media/untrusted.py": "media/test_clips.py",
    "media/splicing.py": "takes/test_joining.py",
    "sessions/ahead.py": "sessions/test_overlapping.py",
    "sessions/archive.py": "sessions/test_importing.py",
    "sessions/contents.py": "sessions/test_importing.py",
    "sessions/keeping.py": "sessions/test_rolling.py",
    "sessions/making.py": "sessions/test_rolling.py",
    "sessions/manifest.py": "sessions/test_exporting.py",
    "sessions/stepping.py": "sessions/test_rolling.py",
    "takes/decoding.py": "takes/test_joining.py",
    "takes/parts.py": "takes/test_joining.py",
    "takes/transcoding.py": "takes/test_joining.py",
    "takes/growing.py": "takes/test_writer.py",
    "takes/notes.py": "takes/test_record.py",
}
"""Modules whose behaviour is one with another's: what they do shows in the tests of that one."""

OF_NO_MODULE = {
    "cli/test_terminals.py": "Commands as they are seen on a real terminal.",
    "cli/test_texts.py": "Text that is no Unicode, in whichever option it comes.",
    "doctor/test_broken_wheels.py": "The kinds of broken plugins, each as people see it.",
    "media/test_sound_in_time.py": "What is heard beside a picture: containers more than sounds.",
    "session_stores/test_formats.py": "Sessions that earlier releases wrote.",
    "sessions/test_faults.py": "Kills, races and outages: what all of them survive together.",
    "sessions/test_released.py": "Stores as earlier releases left them, and what follows.",
    "test_facade.py": "What the package itself names.",
}
"""Test files named after no module, and what they are about."""

BESIDE = {
    "scaffolding/templates": "What a new package begins with: files that are copied, not modules.",
    "testing": "The kit is tests itself: one folder for each of its packages.",
}
"""Folders that are not mirrored file by file."""


def is_beside(path: Path, root: Path) -> bool:
    return any(path.is_relative_to(root / folder) for folder in BESIDE)


def modules() -> set[str]:
    """Paths below the SDK; an ``__init__`` is empty or lazy, and another rule holds that."""
    return {
        path.relative_to(SDK).as_posix()
        for path in SDK.rglob("*.py")
        if path.name != "__init__.py" and not is_beside(path, SDK)
    }


def files_with_tests() -> set[str]:
    return {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if not is_beside(path, TESTS)
    }


def place_of_tests(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


def test_every_module_has_its_tests_at_the_same_place() -> None:
    expected = {place_of_tests(module) for module in modules() - TESTED_ELSEWHERE.keys()}
    assert sorted(expected - files_with_tests()) == []


def test_every_test_file_is_of_the_module_at_the_same_place() -> None:
    expected = {place_of_tests(module) for module in modules()} | OF_NO_MODULE.keys()
    assert sorted(files_with_tests() - expected) == []


def test_every_package_of_the_kit_has_its_tests_in_a_folder() -> None:
    kit = [path.parent.relative_to(SDK) for path in (SDK / "testing").rglob("__init__.py")]
    assert len(kit) > 3
    assert [str(folder) for folder in kit if not any((TESTS / folder).glob("test_*.py"))] == []


def test_the_exceptions_are_needed() -> None:
    assert TESTED_ELSEWHERE.keys() <= modules()
    assert set(TESTED_ELSEWHERE.values()) | OF_NO_MODULE.keys() <= files_with_tests()
    assert [m for m in TESTED_ELSEWHERE if (TESTS / place_of_tests(m)).is_file()] == []
    assert all((SDK / folder).is_dir() and (TESTS / folder).is_dir() for folder in BESIDE)


def test_the_modules_of_this_test_are_seen() -> None:
    """Guards the tests above: there is something to mirror."""
    assert {"pipeline.py", "plugins/registry.py", "blobs/file/store.py"} <= modules()
    assert {"test_pipeline.py", "plugins/test_registry.py"} <= files_with_tests()
