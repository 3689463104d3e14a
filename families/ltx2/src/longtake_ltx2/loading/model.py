"""Loading a checkpoint's networks, each when a stage first asks for it."""

from __future__ import annotations

from contextlib import nullcontext

from attrs import evolve

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.folder import fits_one_thread
from longtake_ltx2.checkpoints.layout import layout_of
from longtake_ltx2.loading.asked import check_asked, checkpoint_path
from longtake_ltx2.loading.components import CheckpointComponents
from longtake_ltx2.loading.fingerprint import fingerprint_of
from longtake_ltx2.loading.floats import dtype_name
from longtake_ltx2.loading.placement import placement_on, usable_device
from longtake_ltx2.loading.threads import one_thread
from longtake_ltx2.parallel.ranks import device_of_rank, on_ranks
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["load"]


def load(source: lt.ModelSource) -> lt.LoadedModel:
    """The networks of a checkpoint, loaded on demand, offline.

    It is a folder in diffusers' layout, or a single file of Lightricks', or a folder of several.

    Everything that was asked for is checked before the first network is loaded. Raises
    `longtake.CheckpointError` naming the file that is missing or damaged,
    `longtake.ValidationError` for an option that cannot be fulfilled here, and
    `longtake.MissingDependencyError` for one that needs another package.
    """
    from longtake_ltx2.loading.networks import NetworkLoader  # it imports what imports this

    asked: LTX2T2VConfig = source.options or LTX2T2VConfig()
    config = asked.with_file()
    path = checkpoint_path(source.path, config)
    device = usable_device(device_of_rank(source))
    config = config.with_dtype(dtype_name(source.dtype), device)
    config = evolve(config, model_path=str(path))
    generation = check_asked(path, config, source.recipe)
    layout = layout_of(path, config.places)
    placement = placement_on(device, config.offload)
    loader = NetworkLoader(layout, config, generation, placement, source)
    weights = layout.place("transformer")
    makers, close = on_ranks(source, loader.makers(), config=config, device=device, weights=weights)
    components = CheckpointComponents(makers)
    quick = fits_one_thread(config_of(layout, "transformer"), weights)
    return lt.LoadedModel(
        components,
        device,
        computing=one_thread if device == "cpu" and quick else nullcontext,
        release=placement.release,
        close=close,
        fingerprint=lambda: fingerprint_of(path, config),
    )
