import { QRCodeSVG } from "qrcode.react";

/** Loaded when it is wanted. Dark on white in both themes, or a phone would not read it. */
export default function QrCode(props: { value: string; size: number; title: string }) {
  return <QRCodeSVG {...props} marginSize={2} bgColor="#ffffff" fgColor="#000000" />;
}
