//! What a long-running program needs: configuration, logs, tasks, health, shutdown.
