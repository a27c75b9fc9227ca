"""What every portal draws with: graphs as numbers for SVG."""
