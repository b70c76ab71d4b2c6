CREATE TABLE "mandates" (
	"source" text NOT NULL,
	"hash" text NOT NULL,
	"member" text,
	"investor" text NOT NULL,
	"side" text NOT NULL,
	"token" text NOT NULL,
	"cash_token" text NOT NULL,
	"signed" jsonb NOT NULL,
	"state" text NOT NULL,
	"registered_at_ms" bigint NOT NULL,
	CONSTRAINT "mandates_source_hash_pk" PRIMARY KEY("source","hash")
);
--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "mandates" jsonb;--> statement-breakpoint
CREATE UNIQUE INDEX "mandates_active" ON "mandates" USING btree ("investor","side","token","cash_token","source") WHERE state = 'active';--> statement-breakpoint
CREATE INDEX "mandates_member" ON "mandates" USING btree ("member","registered_at_ms");