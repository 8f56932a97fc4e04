-- The tables of a token scanner: new tokens are watched, become active when they trade, and are archived.
CREATE TABLE tokens (
  id bigserial PRIMARY KEY,
  mint_address text NOT NULL UNIQUE,
  name text,
  symbol text,
  status varchar(20) NOT NULL DEFAULT 'monitoring'
    CONSTRAINT ck_tokens_status CHECK (status IN ('monitoring', 'active', 'archived')),
  liquidity_usd numeric(20, 2),
  primary_dex varchar(50),
  archive_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_updated_at timestamptz
);

CREATE TABLE token_scores (
  id bigserial PRIMARY KEY,
  token_id bigint NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
  score numeric(10, 4),
  smoothed_score numeric(10, 4),
  metrics jsonb,
  scoring_model varchar(50) NOT NULL DEFAULT 'hybrid_momentum',
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX token_scores_token_id ON token_scores (token_id);
