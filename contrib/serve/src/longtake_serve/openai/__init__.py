"""OpenAI's video API over takes: a door for clients that speak it already."""
