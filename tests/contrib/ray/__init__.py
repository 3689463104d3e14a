"""Tests of the dispatcher over Ray."""
