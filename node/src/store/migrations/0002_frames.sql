CREATE TABLE "contradictions" (
	"code" text NOT NULL,
	"venue" text NOT NULL,
	"epoch" bigint NOT NULL,
	"sequence" bigint NOT NULL,
	"held" "bytea" NOT NULL,
	"other" "bytea" NOT NULL,
	"found_at_ms" bigint NOT NULL,
	CONSTRAINT "contradictions_code_venue_epoch_sequence_pk" PRIMARY KEY("code","venue","epoch","sequence")
);
--> statement-breakpoint
CREATE TABLE "frames" (
	"venue" text NOT NULL,
	"epoch" bigint NOT NULL,
	"sequence" bigint NOT NULL,
	"sent_at_ms" bigint NOT NULL,
	"received_at_ms" bigint NOT NULL,
	"has_trades" boolean NOT NULL,
	"signed" "bytea" NOT NULL,
	CONSTRAINT "frames_venue_epoch_sequence_pk" PRIMARY KEY("venue","epoch","sequence")
);
--> statement-breakpoint
CREATE INDEX "frames_sent_at_ms_venue_index" ON "frames" USING btree ("sent_at_ms","venue");--> statement-breakpoint
CREATE INDEX "frames_received_at_ms_index" ON "frames" USING btree ("received_at_ms");--> statement-breakpoint
CREATE INDEX "frames_with_trades" ON "frames" USING btree ("sent_at_ms") WHERE has_trades;