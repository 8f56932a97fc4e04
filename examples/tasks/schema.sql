-- Two job tables of a server: a plain task list, and a queue with leases.
CREATE TABLE server_tasks (
  id serial PRIMARY KEY,
  task_type text NOT NULL,
  task_data jsonb,
  priority int NOT NULL DEFAULT 5,
  status text NOT NULL DEFAULT 'pending',
  scheduled_for timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  max_attempts int NOT NULL DEFAULT 3,
  error_message text,
  created_at timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz
);
CREATE INDEX server_tasks_status ON server_tasks (status);

CREATE TABLE processing_jobs (
  id bigserial PRIMARY KEY,
  job_type varchar(50) NOT NULL,
  status varchar(20) NOT NULL DEFAULT 'queued'
    CONSTRAINT ck_processing_jobs_status
    CHECK (status IN ('queued', 'leased', 'retry', 'done', 'deadletter', 'cancelled')),
  priority int NOT NULL DEFAULT 100,
  run_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  attempts int NOT NULL DEFAULT 0,
  last_error text,
  idempotency_key text UNIQUE,
  leased_by varchar(120),
  payload jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX processing_jobs_status ON processing_jobs (status);
