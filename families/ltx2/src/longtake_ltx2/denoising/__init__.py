"""From noise to clean latents: schedule, passes, guidance and steps."""
