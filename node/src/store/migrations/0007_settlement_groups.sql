ALTER TABLE "settlement_batches" ADD COLUMN "groups" jsonb;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "digests" jsonb;--> statement-breakpoint
ALTER TABLE "settlement_legs" ADD COLUMN "group_number" integer;--> statement-breakpoint
ALTER TABLE "settlement_legs" ADD COLUMN "ready_at_ms" bigint;--> statement-breakpoint
CREATE INDEX "settlement_legs_ready" ON "settlement_legs" USING btree ("ready_at_ms") WHERE batch_id is null and ready_at_ms is not null;