"""The hub service: REST (OpenAPI) at ``/services/labwerk/``."""
