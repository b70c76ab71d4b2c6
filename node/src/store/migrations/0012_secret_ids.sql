DROP INDEX "session_outbox_unnumbered";--> statement-breakpoint
ALTER TABLE "session_outbox" ALTER COLUMN "number" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "session_outbox" ALTER COLUMN "message" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "session_outbox" DROP COLUMN "id";--> statement-breakpoint
DROP SEQUENCE "public"."quote_numbers";