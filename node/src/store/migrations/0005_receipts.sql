CREATE TABLE "fades" (
	"leg_id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"round" integer NOT NULL,
	"venue" text NOT NULL,
	"instrument" text NOT NULL,
	"side" text NOT NULL,
	"quantity" bigint NOT NULL,
	"limit_price" bigint NOT NULL,
	"due_at_ms" bigint NOT NULL,
	"verdict" text,
	"code" text,
	"message" text,
	"body" text,
	"signature" "bytea"
);
--> statement-breakpoint
CREATE TABLE "receipt_evidence" (
	"hash" text NOT NULL,
	"kind" text NOT NULL,
	"bytes" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "receipts" (
	"order_id" text NOT NULL,
	"revision" integer NOT NULL,
	"kind" text NOT NULL,
	"round" integer,
	"router_version" text,
	"at_ms" bigint NOT NULL,
	"body" text NOT NULL,
	"hash" text NOT NULL,
	"signature" "bytea" NOT NULL,
	CONSTRAINT "receipts_order_id_revision_pk" PRIMARY KEY("order_id","revision")
);
--> statement-breakpoint
CREATE TABLE "sent_legs" (
	"leg_id" text PRIMARY KEY NOT NULL,
	"message" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE INDEX "fades_order_id_index" ON "fades" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "fades_venue_due_at_ms_index" ON "fades" USING btree ("venue","due_at_ms");--> statement-breakpoint
CREATE INDEX "fades_pending" ON "fades" USING btree ("due_at_ms") WHERE verdict is null;--> statement-breakpoint
CREATE INDEX "receipt_evidence_hash_index" ON "receipt_evidence" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "receipts_kind_at_ms_index" ON "receipts" USING btree ("kind","at_ms");