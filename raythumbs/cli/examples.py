"""An example for each command, which its `--help` shows."""

_EXAMPLES = {
    "serve": "raythumbs serve --data-dir ./data",
    "up": "raythumbs up --store s3://photos --database postgresql://me@db/raythumbs",
    "down": "raythumbs down --address auto",
    "env": 'eval "$(raythumbs env)" && ray start --head',
    "doctor": "raythumbs doctor --json",
    "demo": "raythumbs demo --photos 20 --size-mb 2",
    "render": "raythumbs render --out thumbnails --size 400x300 photos/*.jpg",
    "submit": "raythumbs submit photos/*.jpg --folder-id holiday",
    "status": "raythumbs status --watch",
    "top": "raythumbs top --every 2",
    "failures": "raythumbs failures --json",
    "retry": "raythumbs retry --code store_unavailable --folder holiday",
    "cancel": "raythumbs cancel --state queued --folder holiday",
    "pause": 'raythumbs pause --reason "the bucket moves today"',
    "resume": "raythumbs resume",
    "folder": "raythumbs folder holiday --watch --photos 100",
    "reconcile": "raythumbs reconcile --json",
    "backfill": "raythumbs backfill s3://photos/2025/ --glob '*.jpg'",
    "respec": "raythumbs respec --prune",
    "export": "raythumbs export --format csv --output /tmp/tables",
    "quarantine": "raythumbs quarantine show 4f1c",
    "webhooks": "raythumbs webhooks --retry",
    "backup": "raythumbs backup /backups/record.db",
    "deploy-files": "raythumbs deploy-files deploy",
    "systemd": "raythumbs systemd > /etc/systemd/system/raythumbs.service",
    "alerts": "raythumbs alerts > /etc/prometheus/rules/raythumbs.yaml",
    "grafana": "raythumbs grafana > raythumbs.json",
    "openapi": "raythumbs openapi > openapi.json",
    "manual": "raythumbs manual runbook",
    "new": "raythumbs keys new shop --scopes upload,read",
}


def example_of(command: str) -> str | None:
    """Return the line for a command's help, if there is an example."""
    return f"Example: {_EXAMPLES[command]}" if command in _EXAMPLES else None
