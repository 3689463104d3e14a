"""Values as plain JSON and back, and what their fields refuse."""
