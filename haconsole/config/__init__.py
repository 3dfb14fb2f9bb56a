"""The configuration file: pydantic models, loading, all problems at once."""
