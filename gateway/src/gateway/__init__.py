"""The one front door: routes as data, rendered to Envoy's configuration."""
