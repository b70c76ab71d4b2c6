CREATE TABLE "listing_events" (
	"sequence" bigserial PRIMARY KEY NOT NULL,
	"instrument" text NOT NULL,
	"venue" text NOT NULL,
	"issuer" text NOT NULL,
	"kind" text NOT NULL,
	"before" text,
	"after" text,
	"at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "listing_standings" (
	"instrument" text NOT NULL,
	"venue" text NOT NULL,
	"status" text NOT NULL,
	"since_ms" bigint NOT NULL,
	"is_halted" boolean NOT NULL,
	"contradictions" text[] NOT NULL,
	CONSTRAINT "listing_standings_instrument_venue_pk" PRIMARY KEY("instrument","venue")
);
--> statement-breakpoint
CREATE TABLE "prints" (
	"venue" text NOT NULL,
	"execution_id" text NOT NULL,
	"instrument" text NOT NULL,
	"price" bigint NOT NULL,
	"quantity" bigint NOT NULL,
	"executed_at_ms" bigint NOT NULL,
	"is_busted" boolean NOT NULL,
	"is_corrected" boolean NOT NULL,
	"epoch" bigint NOT NULL,
	"sequence" bigint NOT NULL,
	"entry" bigint NOT NULL,
	CONSTRAINT "prints_venue_execution_id_pk" PRIMARY KEY("venue","execution_id")
);
--> statement-breakpoint
CREATE INDEX "listing_events_issuer_sequence_index" ON "listing_events" USING btree ("issuer","sequence");--> statement-breakpoint
CREATE INDEX "listing_events_instrument_sequence_index" ON "listing_events" USING btree ("instrument","sequence");--> statement-breakpoint
CREATE INDEX "prints_instrument_executed_at_ms_venue_execution_id_index" ON "prints" USING btree ("instrument","executed_at_ms","venue","execution_id");