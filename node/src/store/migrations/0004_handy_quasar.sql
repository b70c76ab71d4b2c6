CREATE TABLE "venue_terms" (
	"venue" text PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"terms" jsonb NOT NULL,
	"signed" "bytea",
	"recorded_at_ms" bigint NOT NULL
);
