"""What the options of commands mean: families, models, inputs, stores, documents."""
