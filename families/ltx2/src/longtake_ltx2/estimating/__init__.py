"""What a take will run and take, told from a checkpoint's configurations alone."""
